// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the configuration, the placement of the prefix sets and the links there are now: every
// object the kernel should hold (design: rules and tables, nexthop objects). Pure; called again
// whenever one of the three changes, cheap enough for each link event.
//
// What hangs on a link that is absent, down or without carrier is left out: the kernel would refuse
// it. Its return is a link event, and so a new Desired. A prefix set whose uplinks are all out has
// no default but the unreachable one, so that nothing leaks into another table.
//
//     IN      our prefixes -> LAN next hop; blackhole default        (iif of every uplink)
//     main    our prefixes -> LAN next hop; a default per uplink in order of preference
//     U(n)    connected prefixes, IPv6 link-local; default           (oif of uplink n)
//     S(set)  default -> the set's nexthop group; unreachable default of last resort
//     B       learned prefixes -> the uplink's nexthop
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/kernel/plan/objects.h"

namespace detour::kernel::plan {

// One prefix set in one family: what is moved.
struct Placed {
    PrefixSetId set;
    Family family = Family::ipv4;

    friend constexpr auto operator<=>(const Placed&, const Placed&) = default;
};

// The uplinks that carry it now, any order; none: isolated, a blackhole is the group's only member.
struct Place {
    std::vector<UplinkId> uplinks;

    friend bool operator==(const Place&, const Place&) = default;
};

// A route that BGP taught us.
struct Learned {
    Prefix prefix;
    UplinkId uplink;

    friend constexpr auto operator<=>(const Learned&, const Learned&) = default;
};

struct Placement {
    std::map<Placed, Place> places;  // what is missing is isolated
    std::vector<Learned> learned;

    friend bool operator==(const Placement&, const Placement&) = default;
};

[[nodiscard]] Desired desired(const model::Config& config, const Placement& placement,
                              const Links& links);

// The part of desired() that a move changes, and what that stands on: the uplinks' next hops, the
// sets' groups and their defaults. Small however many prefixes there are.
[[nodiscard]] Desired ways_out(const model::Config& config, const Placement& placement,
                               const Links& links);

// The interface the kernel sees: a port's twin (kernel mode: the port itself), a tunnel's TUN.
[[nodiscard]] std::string device_name(const model::Config& config, PortId port);
[[nodiscard]] std::string device_name(const model::Config& config, const model::Uplink& uplink);

// Our addresses on the uplink's link.
[[nodiscard]] const std::vector<InterfaceAddress>& addresses(const model::Config& config,
                                                             const model::Uplink& uplink);

// Where a direct uplink leads: `gateway:` of the family, else its first BGP peer that is on-link.
[[nodiscard]] std::optional<Address> gateway(const model::Config& config,
                                             const model::Uplink& uplink, Family family);

// Whether the uplink can carry the family: a direct one needs a gateway, a tunnel an inner address.
[[nodiscard]] bool carries(const model::Config& config, const model::Uplink& uplink, Family family);

// The families in which the set has prefixes, in order.
[[nodiscard]] std::vector<Family> families_of(const model::PrefixSet& set);

}  // namespace detour::kernel::plan
