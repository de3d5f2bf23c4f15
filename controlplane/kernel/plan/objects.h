// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Kernel objects as plain values: what a dump says (Actual) and what should be there (Desired), in
// the same words, so that they can be compared. No netlink type appears here; controlplane/kernel
// translates. Only what detour writes can be said: one gateway a route, groups of equal weight.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "controlplane/kernel/plan/numbers.h"

namespace detour::kernel::plan {

// A real gre or ip6gre link (kernel mode). `port` is the `dev` that makes recursion impossible.
struct Tunnel {
    InterfaceIndex port;
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint8_t ttl = 64;

    friend constexpr auto operator<=>(const Tunnel&, const Tunnel&) = default;
};

// An interface as the kernel has it.
struct Link {
    InterfaceIndex index;
    std::string name;
    bool is_up = false;        // IFF_UP: administratively
    bool has_carrier = false;  // IFF_LOWER_UP
    std::uint32_t group = 0;
    std::uint32_t mtu = 0;
    std::optional<Tunnel> tunnel;
    bool is_ours = false;  // a tunnel link that bears our alias

    // The kernel keeps next hops and gatewayed routes on such a link only.
    [[nodiscard]] bool is_usable() const { return is_up && has_carrier; }
    friend auto operator<=>(const Link&, const Link&) = default;
};
using Links = std::map<InterfaceIndex, Link>;

// What an interface should be; everything else about it is not our business.
struct LinkGoal {
    InterfaceIndex index;  // 0: does not exist yet
    std::string name;
    std::optional<std::uint32_t> group;
    std::optional<std::uint32_t> mtu;
    std::optional<Tunnel> tunnel;  // to be created; without one somebody else makes the link

    friend auto operator<=>(const LinkGoal&, const LinkGoal&) = default;
};

struct LinkAddress {
    InterfaceIndex device;
    InterfaceAddress address;

    friend constexpr auto operator<=>(const LinkAddress&, const LinkAddress&) = default;
};

enum class RuleAction : std::uint8_t { lookup, prohibit };

// One `ip rule`. The kernel's identity of a rule is all of it but the protocol.
struct Rule {
    Family family = Family::ipv4;
    std::uint32_t priority = 0;
    std::string iif;
    std::string oif;
    std::optional<Prefix> source;
    RuleAction action = RuleAction::lookup;
    TableId table;
    std::optional<std::uint32_t> suppress_length;
    std::optional<std::uint32_t> suppress_group;

    friend auto operator<=>(const Rule&, const Rule&) = default;
};

// A way out of a device; without a gateway the destination itself is on the link.
struct Via {
    Family family = Family::ipv4;
    InterfaceIndex device;
    std::optional<Address> gateway;

    friend constexpr auto operator<=>(const Via&, const Via&) = default;
};

struct Blackhole {
    Family family = Family::ipv4;

    friend constexpr auto operator<=>(const Blackhole&, const Blackhole&) = default;
};

struct Group {
    std::vector<NexthopId> members;  // ascending

    friend auto operator<=>(const Group&, const Group&) = default;
};

struct Nexthop {
    NexthopId id;
    std::variant<Via, Blackhole, Group> way;
    std::uint8_t protocol = our_protocol;

    [[nodiscard]] const Group* group() const { return std::get_if<Group>(&way); }
    friend auto operator<=>(const Nexthop&, const Nexthop&) = default;
};

// The kernel's identity of a route.
struct RouteKey {
    TableId table;
    Prefix prefix;
    std::uint32_t metric = metric::normal;

    friend constexpr auto operator<=>(const RouteKey&, const RouteKey&) = default;
};

enum class Refusal : std::uint8_t { blackhole, unreachable };

using RouteWay = std::variant<NexthopId, Via, Refusal>;

struct Route {
    RouteKey key;
    RouteWay way;

    friend auto operator<=>(const Route&, const Route&) = default;
};

struct Desired {
    std::map<std::string, LinkGoal> links;
    std::set<LinkAddress> addresses;
    std::set<Rule> rules;
    std::map<NexthopId, Nexthop> nexthops;
    std::map<RouteKey, RouteWay> routes;

    friend bool operator==(const Desired&, const Desired&) = default;
};

struct AddressState {
    std::uint8_t protocol = our_protocol;
    bool is_ready = true;  // neither tentative nor a duplicate: a socket can bind it

    friend constexpr auto operator<=>(const AddressState&, const AddressState&) = default;
};

// The kernel's side: all links, addresses, rules and nexthop objects; of the routes those that bear
// our protocol.
struct Actual {
    Links links;
    std::map<LinkAddress, AddressState> addresses;
    std::map<Rule, std::uint8_t> rules;  // and their protocol
    std::map<NexthopId, Nexthop> nexthops;
    std::map<RouteKey, RouteWay> routes;

    friend bool operator==(const Actual&, const Actual&) = default;
};

[[nodiscard]] const Link* find(const Links& links, const std::string& name);

}  // namespace detour::kernel::plan
