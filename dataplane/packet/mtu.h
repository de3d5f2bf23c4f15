// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// MTU arithmetic of tunnels. An MTU counts the bytes of an IP packet, never the Ethernet header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/packet/gre.h"

namespace detour::packet {

// RFC 8200 5: "IPv6 requires that every link in the Internet have an MTU of 1280 octets or
// greater."
inline constexpr std::uint16_t min_ipv6_mtu = 1280;

// Bytes that GRE over IPv4 adds to an inner packet: 24, or 28 with a key.
[[nodiscard]] constexpr std::uint16_t gre_overhead(const std::optional<std::uint32_t>& key) {
    return static_cast<std::uint16_t>(sizeof(Ipv4Header) + sizeof(GreHeader) +
                                      (key ? sizeof(Be32) : 0));
}

// The largest inner packet whose outer packet fits `underlay_mtu`; 0 when none does.
[[nodiscard]] constexpr std::uint16_t tunnel_mtu(std::uint16_t underlay_mtu,
                                                 const std::optional<std::uint32_t>& key) {
    const std::uint16_t overhead = gre_overhead(key);
    return underlay_mtu > overhead ? static_cast<std::uint16_t>(underlay_mtu - overhead) : 0;
}

}  // namespace detour::packet
