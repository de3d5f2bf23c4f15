// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a TCP connection to a neighbour is made of, and the socket options that enforce it: bound
// device, TCP MD5 signature (RFC 2385), generalized TTL security (RFC 5082), how much of the stream
// the neighbour's TCP has acknowledged. Errors are the kernel's.
#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <system_error>

#include "conf/types/address.h"

namespace detour::io {

struct TcpPath {
    Address local;   // bound before connecting; listened on
    Address remote;  // of the same family
    std::uint16_t port = 179;
    std::string device;    // SO_BINDTODEVICE; empty: none
    std::string password;  // TCP MD5, at most 80 octets; empty: none
    // The neighbour is at most so many hops away, and says so by its TTL.
    std::optional<std::uint8_t> ttl_security_hops;

    friend bool operator==(const TcpPath&, const TcpPath&) = default;
};

[[nodiscard]] asio::ip::tcp::endpoint to_endpoint(const Address& address, std::uint16_t port);
[[nodiscard]] Address to_address(const asio::ip::address& address);

// "wan0: No such device"-like errors of the options of a socket that calls, before it is bound.
[[nodiscard]] std::error_code prepare_caller(int socket, const TcpPath& path);
// The same of a listening socket, whose own address may not be there yet (IP_FREEBIND). Keys and
// minimal TTL come with its paths.
[[nodiscard]] std::error_code prepare_listener(int socket, Family family,
                                               const std::string& device);
// The key of one neighbour on a listening socket; an empty password takes it away.
[[nodiscard]] std::error_code set_md5_key(int socket, const Address& remote,
                                          const std::string& password);
// Packets from farther away than the path says are dropped from now on; without a limit, none.
[[nodiscard]] std::error_code set_min_ttl(int socket, const TcpPath& path);

// Bytes written to the socket that the neighbour's TCP has not acknowledged (SIOCOUTQ).
[[nodiscard]] std::expected<std::uint64_t, std::error_code> unacknowledged(int socket);

}  // namespace detour::io
