// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/tcp_options.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace detour::io {
namespace {

// The kernel's, not in glibc's headers of every version.
constexpr int ipv6_min_hop_count = 73;
constexpr int ipv6_freebind = 78;

// Internetwork control (RFC 4594 3.1), as other speakers mark their sessions.
constexpr int control_traffic_class = 0xc0;
constexpr int full_ttl = 255;

std::error_code last_error() {
    return {errno, std::generic_category()};
}

template <class T>
std::error_code set_option(int socket, int level, int name, const T& value) {
    return ::setsockopt(socket, level, name, &value, sizeof value) < 0 ? last_error()
                                                                       : std::error_code{};
}

// RFC 5082 3: "the sender ... sets the TTL to 255". We always do: it costs nothing, and a neighbour
// that checks needs no agreement with us.
std::error_code set_outgoing(int socket, Family family) {
    const bool is_ipv4 = family == Family::ipv4;
    const int level = is_ipv4 ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6;
    if (auto error = set_option(socket, level, is_ipv4 ? IP_TTL : IPV6_UNICAST_HOPS, full_ttl))
        return error;
    return set_option(socket, level, is_ipv4 ? IP_TOS : IPV6_TCLASS, control_traffic_class);
}

std::error_code bind_device(int socket, const std::string& device) {
    if (device.empty())
        return {};
    return ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                        static_cast<socklen_t>(device.size() + 1)) < 0
               ? last_error()
               : std::error_code{};
}

}  // namespace

asio::ip::tcp::endpoint to_endpoint(const Address& address, std::uint16_t port) {
    if (address.family() == Family::ipv4)
        return {asio::ip::address_v4(address.word()), port};
    asio::ip::address_v6::bytes_type octets{};
    std::ranges::copy(address.bytes(), octets.begin());
    return {asio::ip::address_v6(octets), port};
}

Address to_address(const asio::ip::address& address) {
    return address.is_v4() ? Address::ipv4(address.to_v4().to_bytes())
                           : Address::ipv6(address.to_v6().to_bytes());
}

std::error_code prepare_caller(int socket, const TcpPath& path) {
    if (auto error = bind_device(socket, path.device))
        return error;
    if (auto error = set_outgoing(socket, path.remote.family()))
        return error;
    if (auto error = set_min_ttl(socket, path))
        return error;
    if (path.password.empty())
        return {};
    return set_md5_key(socket, path.remote, path.password);
}

std::error_code prepare_listener(int socket, Family family, const std::string& device) {
    const int on = 1;
    const bool is_ipv4 = family == Family::ipv4;
    if (auto error = set_option(socket, SOL_SOCKET, SO_REUSEADDR, on))
        return error;
    if (auto error = bind_device(socket, device))
        return error;
    if (!is_ipv4)
        if (auto error = set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, on))
            return error;
    if (auto error = set_option(socket, is_ipv4 ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6,
                                is_ipv4 ? IP_FREEBIND : ipv6_freebind, on))
        return error;
    return set_outgoing(socket, family);
}

std::error_code set_md5_key(int socket, const Address& remote, const std::string& password) {
    if (password.size() > TCP_MD5SIG_MAXKEYLEN)
        return std::make_error_code(std::errc::value_too_large);
    tcp_md5sig signature{};
    const auto endpoint = to_endpoint(remote, 0);
    std::memcpy(&signature.tcpm_addr, endpoint.data(), endpoint.size());
    signature.tcpm_keylen = static_cast<std::uint16_t>(password.size());
    std::ranges::copy(password, signature.tcpm_key);
    const std::error_code error = set_option(socket, IPPROTO_TCP, TCP_MD5SIG, signature);
    // There was none to take away.
    if (password.empty() && error == std::errc::no_such_file_or_directory)
        return {};
    return error;
}

std::error_code set_min_ttl(int socket, const TcpPath& path) {
    const int min_ttl = path.ttl_security_hops ? full_ttl + 1 - *path.ttl_security_hops : 0;
    return path.remote.family() == Family::ipv4
               ? set_option(socket, IPPROTO_IP, IP_MINTTL, min_ttl)
               : set_option(socket, IPPROTO_IPV6, ipv6_min_hop_count, min_ttl);
}

std::expected<std::uint64_t, std::error_code> unacknowledged(int socket) {
    int size = 0;
    if (::ioctl(socket, SIOCOUTQ, &size) < 0)
        return std::unexpected(last_error());
    return static_cast<std::uint64_t>(size);
}

}  // namespace detour::io
