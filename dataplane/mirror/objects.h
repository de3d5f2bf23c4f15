// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The kernel's objects as values: what decode.h reads from a message, what kernel_state.h keeps and
// what compile.h turns into next hops. Only what forwarding needs is kept. Words and numbers are
// rtnetlink's; a comparison is the definition of "nothing changed".
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"

namespace detour::mirror {

inline constexpr TableId local_table{255};
inline constexpr TableId main_table{254};

using MacAddress = std::array<std::uint8_t, 6>;

struct Link {
    InterfaceIndex interface;
    std::string name;
    std::optional<MacAddress> mac;  // none on a TUN
    std::uint32_t mtu = 0;
    std::uint32_t group = 0;
    bool is_up = false;          // administratively
    bool has_carrier = false;    // running or lower-up: without either the kernel flushes next hops
    bool has_neighbours = true;  // false on a TUN and other NOARP links

    // While a link is down the kernel changes its group without a message, and nothing leads there.
    friend bool operator==(const Link& a, const Link& b) {
        return a.interface == b.interface && a.name == b.name && a.mac == b.mac && a.mtu == b.mtu &&
               (a.group == b.group || !a.is_up) && a.is_up == b.is_up &&
               a.has_carrier == b.has_carrier && a.has_neighbours == b.has_neighbours;
    }
};

struct InterfaceAddressKey {
    InterfaceIndex interface;
    Address address;
    std::uint8_t length = 0;

    friend auto operator<=>(const InterfaceAddressKey&, const InterfaceAddressKey&) = default;
};

struct NeighbourKey {
    InterfaceIndex interface;
    Address address;

    friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};

struct Neighbour {
    std::uint16_t state = 0;  // NUD_*
    bool is_managed = false;  // NTF_EXT_MANAGED: the kernel keeps it resolved
    std::optional<MacAddress> mac;

    // NUD_VALID and an Ethernet address known: packets may be sent to it.
    [[nodiscard]] bool is_usable() const;

    // The kernel moves between its valid states silently, and they all mean the same to us.
    friend bool operator==(const Neighbour& a, const Neighbour& b) {
        return a.mac == b.mac && a.is_managed == b.is_managed && a.is_usable() == b.is_usable();
    }
};

// One way out: a device, and a gateway on it unless the destination itself is on the link.
struct Hop {
    InterfaceIndex device;
    std::optional<Address> gateway;  // may be IPv6 under an IPv4 route (RTA_VIA)
    std::uint16_t weight = 1;
    bool is_dead = false;  // RTNH_F_DEAD: the kernel passes over it

    friend auto operator<=>(const Hop&, const Hop&) = default;
};

struct NexthopMember {
    NexthopId id;
    std::uint16_t weight = 1;

    friend auto operator<=>(const NexthopMember&, const NexthopMember&) = default;
};

// A nexthop object: either a blackhole, or a group of others, or one hop.
struct Nexthop {
    bool is_blackhole = false;
    bool is_foreign = false;  // encapsulation or fdb: nothing the fast path can send by
    std::vector<NexthopMember> members;
    Hop hop;

    friend bool operator==(const Nexthop&, const Nexthop&) = default;
};

enum class RouteType : std::uint8_t {
    unicast,
    local,
    broadcast,
    anycast,
    multicast,
    blackhole,
    unreachable,
    prohibit,
    throw_away,  // "throw": leave this table, go on with the rules
    other,
};

// Where a route leads and how. Many routes have the same one: it is interned (kernel_state.h).
struct Path {
    RouteType type = RouteType::unicast;
    std::uint8_t protocol = 0;  // RTPROT_*
    bool is_foreign = false;    // encapsulation or a source prefix: the kernel's business
    NexthopId nexthop;          // not 0: the object decides, hops are empty
    std::uint32_t mtu = 0;      // RTAX_MTU, 0 = the device's
    std::optional<Address> preferred_source;
    std::vector<Hop> hops;

    friend auto operator<=>(const Path&, const Path&) = default;
};

// What tells routes of one table apart; the order is the kernel's order of preference: longest
// prefix is found by lookup, then the type of service, then the metric.
struct RouteKey {
    Prefix prefix;
    std::uint8_t tos = 0;
    std::uint32_t metric = 0;

    friend std::strong_ordering operator<=>(const RouteKey& a, const RouteKey& b) {
        if (const auto order = a.prefix <=> b.prefix; order != 0)
            return order;
        if (const auto order = b.tos <=> a.tos; order != 0)
            return order;
        return a.metric <=> b.metric;
    }
    friend bool operator==(const RouteKey&, const RouteKey&) = default;
};

enum class RuleAction : std::uint8_t { lookup, blackhole, unreachable, prohibit, nothing, other };

struct Rule {
    Family family = Family::ipv4;
    std::uint32_t priority = 0;
    RuleAction action = RuleAction::lookup;
    TableId table;
    std::optional<Prefix> source;
    std::optional<Prefix> destination;
    std::string input;   // iif
    std::string output;  // oif
    std::int64_t suppress_length = -1;
    std::int64_t suppress_group = -1;
    bool is_foreign = false;   // fwmark, tos, ports, goto, not ...: a form that is not compiled
    bool is_inverted = false;  // not: it is for whatever its selectors do not match; foreign, too

    // Whether it may be for packets that came in by `device` and are forwarded: the device alone
    // may rule that out.
    [[nodiscard]] bool may_match(std::string_view device) const {
        return is_inverted || (output.empty() && (input.empty() || input == device));
    }

    friend auto operator<=>(const Rule&, const Rule&) = default;
};

enum class Change : std::uint8_t { set, removed };

struct LinkEvent {
    Change change = Change::set;
    Link link;
};
struct AddressEvent {
    Change change = Change::set;
    InterfaceAddressKey key;
};
struct NeighbourEvent {
    Change change = Change::set;
    NeighbourKey key;
    Neighbour neighbour;
};
struct NexthopEvent {
    Change change = Change::set;
    NexthopId id;
    Nexthop nexthop;
};
struct RouteEvent {
    Change change = Change::set;
    TableId table;
    RouteKey key;
    Path path;
    bool is_replacement = false;  // NLM_F_REPLACE
    bool is_appended = false;     // NLM_F_APPEND

    [[nodiscard]] Family family() const { return key.prefix.family(); }
};
struct RuleEvent {
    Change change = Change::set;
    Rule rule;
};
using Event =
    std::variant<LinkEvent, AddressEvent, NeighbourEvent, NexthopEvent, RouteEvent, RuleEvent>;

[[nodiscard]] std::string_view to_string(RouteType type);
[[nodiscard]] std::string_view to_string(RuleAction action);
// As `ip` prints them, devices by number: for texts and differences.
[[nodiscard]] std::string to_string(const Hop& hop);
[[nodiscard]] std::string to_string(const Path& path);
[[nodiscard]] std::string to_string(const RouteKey& key);
[[nodiscard]] std::string to_string(const Nexthop& nexthop);
[[nodiscard]] std::string to_string(const Neighbour& neighbour);
[[nodiscard]] std::string to_string(const Link& link);
[[nodiscard]] std::string to_string(const Rule& rule);

}  // namespace detour::mirror
