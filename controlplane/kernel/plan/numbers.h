// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The numbers under which detour's objects stand in the kernel. They are fixed, so that a restarted
// detourd recognises what its predecessor left, an operator can read `ip rule` without a legend,
// and two versions of detour agree. Routing tables live above 1,420,000, out of the way of
// hand-picked ones; both families use the same numbers.
//
//     table 1420000        IN        what may enter by an uplink: our prefixes, else blackhole
//     table 1420001        B         routes learned by BGP
//     table 1430000 + n    U(n)      pinned probes and sessions of uplink n
//     table 1500000 + s    S(s)      where prefix set s leaves
//     nexthop 0x0F000000 + 2n + f    uplink n, family f (0 = IPv4, 1 = IPv6): a plain next hop
//     nexthop 0x0F100000 + 2s + f    prefix set s, family f: always a group
//     nexthop 0x0F200000 + f         blackhole: the only member of an isolated set's group
//
// n and s are positions in the configuration's lists (conf/types/ids.h).
#pragma once

#include <cstdint>

#include "conf/types/address.h"
#include "conf/types/ids.h"

namespace detour::kernel::plan {

// rtm_protocol, nh_protocol, FRA_PROTOCOL and IFA_PROTO of everything that is ours
// (rt_protos.d/detour.conf). FRR owns 186-198 and its zebra deletes what it does not know there.
inline constexpr std::uint8_t our_protocol = 142;

// Link group of everything that leads to the Internet or to a tunnel's far end (rule 200).
inline constexpr std::uint32_t uplink_group = 196;

// ifalias of the tunnel links that we made ourselves (kernel mode), so that we know them again.
inline constexpr const char* our_link_alias = "detour";

namespace priority {
inline constexpr std::uint32_t in = 100;         // iif <uplink> lookup IN
inline constexpr std::uint32_t lan = 200;        // main, LAN routes only
inline constexpr std::uint32_t pinned = 300;     // oif <uplink> lookup U(n)
inline constexpr std::uint32_t source = 400;     // from <prefix> lookup S(set)
inline constexpr std::uint32_t prohibit = 450;   // iif <lan port> prohibit
inline constexpr std::uint32_t connected = 460;  // main without its default
inline constexpr std::uint32_t learned = 500;    // lookup B
}  // namespace priority

namespace metric {
inline constexpr std::uint32_t normal = 142;
// main's default through uplink n is 14200 + n: the order of preference, and an administrator's own
// default (metric 0 or a DHCP client's 100-1024) stays in front of it.
inline constexpr std::uint32_t main_default = 14200;
// What is left when the kernel has flushed the rest: VRF's customary last resort.
inline constexpr std::uint32_t last_resort = 4278198272;
}  // namespace metric

namespace table {
inline constexpr TableId main{254};
inline constexpr TableId in{1420000};
inline constexpr TableId learned{1420001};
[[nodiscard]] constexpr TableId of(UplinkId uplink) {
    return TableId(1430000U + uplink.value);
}
[[nodiscard]] constexpr TableId of(PrefixSetId set) {
    return TableId(1500000U + set.value);
}
}  // namespace table

namespace nexthop {
[[nodiscard]] constexpr std::uint32_t offset(Family family) {
    return family == Family::ipv4 ? 0U : 1U;
}
[[nodiscard]] constexpr NexthopId of(UplinkId uplink, Family family) {
    return NexthopId(0x0F000000U + uplink.value * 2U + offset(family));
}
[[nodiscard]] constexpr NexthopId of(PrefixSetId set, Family family) {
    return NexthopId(0x0F100000U + set.value * 2U + offset(family));
}
[[nodiscard]] constexpr NexthopId blackhole(Family family) {
    return NexthopId(0x0F200000U + offset(family));
}
}  // namespace nexthop

}  // namespace detour::kernel::plan
