// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The maximum segment size of TCP (RFC 9293 3.7.1) where a tunnel makes the path narrower than the
// two hosts think: the option of a SYN, and of the SYN that answers it, is lowered to what fits, so
// that a transfer does not depend on ICMP that somebody filters. Lowered only, never raised or
// added; a path that is wide enough is left alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "conf/types/address.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

namespace tcp {
inline constexpr std::size_t min_header_size = 20;
inline constexpr std::size_t flags_offset = 13;
inline constexpr std::uint8_t syn = 0x02;
}  // namespace tcp

// Both of packets that check_ipv4() or check_ipv6() found ok, so without IPv4 options, whose size
// is the packet's own. TCP behind an IPv6 extension header is not looked for.
[[nodiscard]] inline bool is_tcp_syn(const Ipv4Header& header, std::size_t size) {
    return header.protocol == protocol::tcp && size >= sizeof(Ipv4Header) + tcp::min_header_size &&
           (reinterpret_cast<const std::uint8_t*>(&header + 1)[tcp::flags_offset] & tcp::syn) !=
               0 &&
           !header.is_fragment();
}
[[nodiscard]] inline bool is_tcp_syn(const Ipv6Header& header, std::size_t size) {
    return header.next_header == protocol::tcp &&
           size >= sizeof(Ipv6Header) + tcp::min_header_size &&
           (reinterpret_cast<const std::uint8_t*>(&header + 1)[tcp::flags_offset] & tcp::syn) != 0;
}

// What a segment may hold of a packet of `mtu` octets; 0 when there is no room for headers.
[[nodiscard]] constexpr std::uint16_t segment_size(std::uint16_t mtu, Family family) {
    const std::size_t headers =
        tcp::min_header_size + (family == Family::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    return mtu > headers ? static_cast<std::uint16_t>(mtu - headers) : std::uint16_t{0};
}

// Lowers the option to `largest`, if there is one and it says more, and sets the checksum right.
// `segment` is TCP of a SYN, at least its fixed header, up to the end of the packet.
void clamp_mss(std::span<std::uint8_t> segment, std::uint16_t largest);

}  // namespace detour::packet
