// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The IPv4 header (RFC 791), the checks of a router (RFC 1812 5.2.2), and the forwarding step.
//
// Martians are those of the Linux kernel (ip_route_input_slow), so that a packet fares the same
// whether the fast path or the kernel handled it; 240/4 and 169.254/16 are left to the routing
// table as there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/finding.h"

namespace detour::packet {

// IPv4 protocols and IPv6 next headers.
namespace protocol {
inline constexpr std::uint8_t hop_by_hop = 0;
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t routing = 43;
inline constexpr std::uint8_t fragment = 44;
inline constexpr std::uint8_t gre = 47;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t destination_options = 60;
inline constexpr std::uint8_t sctp = 132;
}  // namespace protocol

struct Ipv4Header {
    static constexpr std::uint16_t dont_fragment = 0x4000;
    static constexpr std::uint16_t more_fragments = 0x2000;
    static constexpr std::uint16_t fragment_offset_mask = 0x1fff;

    std::uint8_t version_and_ihl;
    std::uint8_t traffic_class;  // DSCP and ECN (RFC 2474, RFC 3168)
    Be16 total_length;
    Be16 identification;
    Be16 fragment;
    std::uint8_t ttl;
    std::uint8_t protocol;
    Be16 checksum;
    Be32 source;
    Be32 destination;

    [[nodiscard]] constexpr unsigned version() const { return version_and_ihl >> 4; }
    [[nodiscard]] constexpr std::size_t header_size() const {
        return std::size_t{version_and_ihl & 0x0fU} * 4;
    }
    [[nodiscard]] constexpr bool may_fragment() const {
        return (fragment.value() & dont_fragment) == 0;
    }
    [[nodiscard]] constexpr bool is_fragment() const {
        return (fragment.value() & (more_fragments | fragment_offset_mask)) != 0;
    }
};
static_assert(sizeof(Ipv4Header) == 20);

[[nodiscard]] constexpr bool is_martian_source(std::uint32_t source) {
    const std::uint32_t top = source >> 24;
    return top == 0 || top == 127 || (top & 0xf0) == 0xe0 || source == 0xffffffff;
}

[[nodiscard]] constexpr bool is_martian_destination(std::uint32_t destination) {
    const std::uint32_t top = destination >> 24;
    return top == 0 || top == 127;
}

// A packet and whatever follows it in the frame (Ethernet padding): `bytes` may be longer than the
// packet. What is ok has `total_length` bytes and no options, and may be delivered or forwarded;
// TTL is not looked at here, because a packet to us may arrive with any.
[[nodiscard]] inline Finding check_ipv4(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < sizeof(Ipv4Header))
        return Drop::truncated;
    const auto& header = header_at<Ipv4Header>(bytes.data());
    const std::size_t header_size = header.header_size();
    const std::size_t total_length = header.total_length.value();
    if (header.version() != 4)
        return Drop::bad_version;
    if (header_size < sizeof(Ipv4Header) || header_size > bytes.size())
        return Drop::bad_header_length;
    if (total_length < header_size || total_length > bytes.size())
        return Drop::bad_total_length;
    if (header_size == sizeof(Ipv4Header) ? !is_plain_ipv4_checksum_right(bytes.data())
                                          : partial_sum(bytes.first(header_size)) != 0xffff)
        return Drop::bad_header_checksum;
    const std::uint32_t destination = header.destination.value();
    if (is_martian_source(header.source.value()))
        return Drop::martian_source;
    if (is_martian_destination(destination))
        return Drop::martian_destination;
    if (destination >> 28 == 0xe || destination == 0xffffffff)
        return Punt::broadcast;
    if (header_size != sizeof(Ipv4Header))
        return Punt::ip_options;
    return {};
}

// RFC 1812 5.3.1: a packet whose TTL would reach zero is not forwarded.
[[nodiscard]] constexpr bool may_forward(const Ipv4Header& header) {
    return header.ttl > 1;
}

// One less TTL and the checksum that goes with it. The TTL is the high octet of its word, so the
// checksum grows by 0x0100 (RFC 1624); as a word in memory that octet is wherever 0x0100 swaps to.
// Never 0xffff, which only a header of zeros could have: the same as computing it anew.
constexpr void decrement_ttl(Ipv4Header& header) {
    header.ttl = static_cast<std::uint8_t>(header.ttl - 1);
    const std::uint32_t sum =
        std::uint32_t{header.checksum.raw()} + network_order(std::uint16_t{0x0100});
    header.checksum = Be16::of_raw(static_cast<std::uint16_t>(sum + (sum >= 0xffff ? 1 : 0)));
}

}  // namespace detour::packet
