// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Explicit congestion notification across a tunnel (RFC 6040). Encapsulation is the normal mode
// (section 4.1): the outer header carries the inner one's DSCP and ECN as they are. Decapsulation
// is section 4.2, which needs work only for outer ECT(1) and CE.
#pragma once

#include <cstdint>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

// The two low bits of the traffic class (RFC 3168 5).
namespace ecn {
inline constexpr std::uint8_t mask = 0x03;
inline constexpr std::uint8_t not_ect = 0;
inline constexpr std::uint8_t ect_1 = 1;
inline constexpr std::uint8_t ect_0 = 2;
inline constexpr std::uint8_t ce = 3;
}  // namespace ecn

inline void set_traffic_class(Ipv4Header& header, std::uint8_t traffic_class) {
    const auto word = [&header] { return Be16{{header.version_and_ihl, header.traffic_class}}; };
    const Be16 before = word();
    header.traffic_class = traffic_class;
    header.checksum = updated_checksum(header.checksum, before, word());
}

inline void set_traffic_class(Ipv6Header& header, std::uint8_t traffic_class) {
    const std::uint32_t others = header.version_and_flow.value() & 0xf00fffff;
    header.version_and_flow = Be32::of(others | std::uint32_t{traffic_class} << 20);
}

// Brings what the outer path marked into the decapsulated header (RFC 6040 figure 4).
template <class Header>
[[nodiscard]] inline Finding take_outer_ecn(Header& inner, std::uint8_t inner_traffic_class,
                                            std::uint8_t outer_traffic_class) {
    // Outer Not-ECT and ECT(0) change nothing; nearly every packet ends here.
    if ((outer_traffic_class & ecn::ect_1) == 0)
        return {};
    const std::uint8_t outer = outer_traffic_class & ecn::mask;
    const std::uint8_t before = inner_traffic_class & ecn::mask;
    // "If the inner ECN field is Not-ECT, the decapsulator MUST NOT propagate any other ECN
    // codepoint onwards. ... if the outer is CE the decapsulator MUST drop the packet."
    if (before == ecn::not_ect)
        return outer == ecn::ce ? Finding{Drop::gre_ecn} : Finding{};
    // "In all other cases where the inner supports ECN, the decapsulator MUST set the outgoing ECN
    // field to the more severe marking": Not-ECT < ECT(0) < ECT(1) < CE.
    if (outer == ecn::ce && before != ecn::ce)
        set_traffic_class(inner, static_cast<std::uint8_t>(inner_traffic_class | ecn::ce));
    else if (before == ecn::ect_0)
        set_traffic_class(inner,
                          static_cast<std::uint8_t>((inner_traffic_class & ~ecn::mask) | outer));
    return {};
}

[[nodiscard]] inline Finding take_outer_ecn(Ipv4Header& inner, std::uint8_t outer_traffic_class) {
    return take_outer_ecn(inner, inner.traffic_class, outer_traffic_class);
}
[[nodiscard]] inline Finding take_outer_ecn(Ipv6Header& inner, std::uint8_t outer_traffic_class) {
    return take_outer_ecn(inner, inner.traffic_class(), outer_traffic_class);
}

}  // namespace detour::packet
