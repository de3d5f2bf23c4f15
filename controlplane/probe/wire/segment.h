// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The second kinds of probe: a TCP SYN (RFC 9293) and a UDP datagram (RFC 768), for both families.
// Pure bytes from the transport header on, 24 of them either way, like an echo request's head.
//
//   TCP  the random token is the sequence number. A SYN-ACK or a RST acknowledges it + 1: either
//        says that the target lives and that the world can return to the source. The kernel, which
//        knows no such connection, answers a SYN-ACK with a RST (RFC 9293 section 3.10.7.1): the
//        target forgets the half-open connection at once, which is what a polite prober wants.
//   UDP  the payload is a magic word, the probe's slot and a random token. A target answers with a
//        datagram that opens with them (an echo service) or with ICMP port unreachable.
//
// ICMP errors quote at least the first eight bytes behind the IP header (RFC 792, RFC 4443): these
// are a probe's signature, different for every probe by its ports, its sequence or its checksum.
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "controlplane/probe/wire/echo.h"

namespace detour::probe {

// Above the ports that Linux gives to sockets of its own (net.ipv4.ip_local_port_range), so that no
// connection of the box is ever mistaken for a probe's.
inline constexpr std::uint16_t first_probe_port = 61000;

struct Ports {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;

    friend constexpr bool operator==(const Ports&, const Ports&) = default;
};

// The first eight bytes of a probe, as a number.
using Signature = std::uint64_t;
[[nodiscard]] Signature signature_of(std::span<const std::uint8_t> head);

[[nodiscard]] EchoHead encode_syn(const Ports& ports, std::uint32_t sequence, const Address& source,
                                  const Address& destination);
[[nodiscard]] EchoHead encode_datagram(const Ports& ports, const EchoMark& mark,
                                       const Address& source, const Address& destination);

// The signature of the SYN that the segment answers; it came from `source` to `destination`.
[[nodiscard]] std::expected<Signature, ReplyError> decode_syn_reply(
    std::span<const std::uint8_t> segment, const Address& source, const Address& destination);

// What a datagram brings back: slot and token of `mark`, and our port of the request.
struct DatagramReply {
    Ports ports;  // of the request
    std::uint32_t slot = 0;
    std::uint64_t token = 0;
};
[[nodiscard]] std::expected<DatagramReply, ReplyError> decode_datagram_reply(
    std::span<const std::uint8_t> datagram, const Address& source, const Address& destination);

// An ICMP error and the probe that it is about.
struct IcmpError {
    enum class Meaning : std::uint8_t {
        port_unreachable,  // the host itself says so: it lives
        time_exceeded,     // a router on the way
        other,             // a router or host that will not carry it
    };
    Meaning meaning = Meaning::other;
    Address source, destination;  // of the quoted packet
    std::uint8_t protocol = 0;    // of the quoted packet
    Signature signature = 0;
};
// `message` came to `destination`. Nothing: no error, damaged, or it quotes too little.
[[nodiscard]] std::expected<IcmpError, ReplyError> decode_icmp_error(
    std::span<const std::uint8_t> message, const Address& source, const Address& destination);

[[nodiscard]] constexpr std::uint8_t icmp_protocol(Family family) {
    return family == Family::ipv4 ? 1 : 58;
}
inline constexpr std::uint8_t tcp_protocol = 6;
inline constexpr std::uint8_t udp_protocol = 17;

// ---- what targets and routers answer, in tests and simulations

enum class PortState : std::uint8_t { open, closed };
[[nodiscard]] std::expected<EchoHead, ReplyError> answer_syn(std::span<const std::uint8_t> segment,
                                                             PortState port, const Address& source,
                                                             const Address& destination);
// What an echo service says.
[[nodiscard]] std::expected<EchoHead, ReplyError> answer_datagram(
    std::span<const std::uint8_t> datagram, const Address& source, const Address& destination);
// The whole ICMP message with which `router` answers a probe from `source`: time exceeded or port
// unreachable, quoting the IP header and as much of the probe as is given.
[[nodiscard]] Bytes answer_with_error(IcmpError::Meaning meaning, const Address& router,
                                      const Address& source, const Address& destination,
                                      std::uint8_t protocol, std::span<const std::uint8_t> head);

}  // namespace detour::probe
