// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Packets that the router's own kernel gets: which of them belong to control traffic, whose queue a
// flood of the rest must not fill.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

namespace port {
inline constexpr std::uint16_t bgp = 179;
inline constexpr std::uint16_t bfd_control = 3784;   // RFC 5881 4
inline constexpr std::uint16_t bfd_echo = 3785;      // RFC 5881 4
inline constexpr std::uint16_t bfd_multihop = 4784;  // RFC 5883 5
}  // namespace port

// BGP either way, BFD to us, neighbour discovery from the link. `transport` follows the IP header.
// RFC 5881 5: single-hop BFD is sent with TTL 255, and what comes with another has come through a
// router; RFC 4861 says the same of neighbour discovery.
[[nodiscard]] inline bool is_control(std::uint8_t transport_protocol, std::uint8_t hop_limit,
                                     std::span<const std::uint8_t> transport) {
    if (transport_protocol == protocol::icmpv6) {
        // RFC 4861 6.1 and 7.1: router and neighbour messages, valid with hop limit 255 only.
        return hop_limit == 255 && !transport.empty() && transport[0] >= 133 && transport[0] <= 137;
    }
    if (transport.size() < 4)
        return false;
    const std::uint16_t source = header_at<Be16>(transport.data()).value();
    const std::uint16_t destination = header_at<Be16>(transport.data() + 2).value();
    if (transport_protocol == protocol::tcp)
        return source == port::bgp || destination == port::bgp;
    return transport_protocol == protocol::udp &&
           (destination == port::bfd_multihop ||
            (hop_limit == 255 &&
             (destination == port::bfd_control || destination == port::bfd_echo)));
}

// `packet` is a whole IPv4 or IPv6 packet whose fixed header is there (its first nibble says
// which); anything shorter or a later fragment is not control.
[[nodiscard]] inline bool is_control(std::span<const std::uint8_t> packet) {
    if (packet.size() >= sizeof(Ipv4Header) && packet[0] >> 4 == 4) {
        const auto& header = header_at<Ipv4Header>(packet.data());
        const std::size_t size = header.header_size();
        const bool is_first = (header.fragment.value() & Ipv4Header::fragment_offset_mask) == 0;
        return is_first && size <= packet.size() &&
               is_control(header.protocol, header.ttl, packet.subspan(size));
    }
    if (packet.size() >= sizeof(Ipv6Header) && packet[0] >> 4 == 6) {
        const auto& header = header_at<Ipv6Header>(packet.data());
        return is_control(header.next_header, header.hop_limit, packet.subspan(sizeof(Ipv6Header)));
    }
    return false;
}

}  // namespace detour::packet
