// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/kernel_state.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/mirror/house.h"

using namespace detour;
using namespace detour::mirror;
using namespace detour::mirror::test;

namespace {

RouteEvent route(std::string_view prefix, std::string_view way, Change change = Change::set,
                 std::uint32_t metric = 0) {
    return {change, main_table, {*Prefix::parse(prefix), 0, metric}, path(way), false, false};
}

// "PREFIX WAY" of every route of a family's main table, in order.
std::vector<std::string> main_routes(const KernelState& kernel, Family family) {
    std::vector<std::string> lines;
    const RouteTable* table = kernel.table(family, main_table);
    if (table == nullptr)
        return lines;
    for (const auto& [key, entry] : table->entries())
        for (std::size_t i = 0; i < entry.size(); ++i) {
            Path way = kernel.paths()[entry.at(i)];
            way.protocol = 0;
            lines.push_back(key.prefix.to_string() + " " + to_string(way));
        }
    return lines;
}

using Lines = std::vector<std::string>;

Link down(InterfaceIndex interface) {
    Link link = house_link(interface);
    link.is_up = link.has_carrier = false;
    return link;
}

}  // namespace

TEST_CASE("a message that says what is known already is no change") {
    House house;
    house.kernel().apply(route("10.0.0.0/8", "via 10.1.0.2 dev 3"));
    CHECK(house.kernel().take_changes().tables.size() == 1);
    house.kernel().apply(route("10.0.0.0/8", "via 10.1.0.2 dev 3"));
    house.kernel().apply(LinkEvent{Change::set, house_link(lan)});
    CHECK_FALSE(house.kernel().has_changes());
}

TEST_CASE("a replaced route is one route, an appended one is two, in the kernel's order") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(route("10.0.0.0/8", "via 10.1.0.2 dev 3"));
    RouteEvent replacement = route("10.0.0.0/8", "via 10.1.0.3 dev 3");
    replacement.is_replacement = true;
    kernel.apply(replacement);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.0.0.0/8 unicast via 10.1.0.3 dev #3 proto 0"});
    (void)kernel.take_suspicions();
    RouteEvent appended = route("10.0.0.0/8", "via 10.1.0.4 dev 3");
    appended.is_appended = true;
    kernel.apply(appended);
    CHECK(main_routes(kernel, Family::ipv4).size() == 2);
    // What the kernel made of it, only a dump of the table says for certain.
    CHECK(
        kernel.take_suspicions().contains({Kind::routes, Family::ipv4, std::nullopt, main_table}));
    kernel.apply(route("10.0.0.0/8", "via 10.1.0.3 dev 3", Change::removed));
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.0.0.0/8 unicast via 10.1.0.4 dev #3 proto 0"});
}

TEST_CASE("IPv6 routes of several links stand side by side under one key") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(route("fe80::/64", "dev 1"));
    kernel.apply(route("fe80::/64", "dev 3"));
    CHECK(main_routes(kernel, Family::ipv6).size() == 2);
    CHECK(kernel.take_suspicions().empty());
    kernel.apply(route("fe80::/64", "dev 1", Change::removed));
    CHECK(main_routes(kernel, Family::ipv6) == Lines{"fe80::/64 unicast dev #3 proto 0"});
}

TEST_CASE("IPv6 withdraws one sibling by a message that names it alone") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(
        route("2001:db8::/32", "nexthop via 2001:db8:10::2 dev 3 nexthop via 2001:db8:1::1 dev 1"));
    kernel.apply(route("2001:db8::/32", "via 2001:db8:10::2 dev 3", Change::removed));
    CHECK(main_routes(kernel, Family::ipv6) ==
          Lines{"2001:db8::/32 unicast via 2001:db8:1::1 dev #1 proto 0"});
}

TEST_CASE("a device that goes down takes what the kernel flushes silently") {
    House house;
    KernelState& kernel = house.kernel();
    house.nexthop(1, "via 192.0.2.1 dev 1");
    house.nexthop(2, "via 10.1.0.2 dev 3");
    house.nexthop(10, "group 1,1/2,1");
    house.nexthop(11, "group 1,1");
    kernel.apply(route("10.0.0.0/8", "nhid 10"));
    kernel.apply(route("10.1.0.0/16", "nhid 11"));
    kernel.apply(route("10.2.0.0/16", "via 192.0.2.1 dev 1"));
    kernel.apply(route("10.3.0.0/16", "nexthop via 192.0.2.1 dev 1 nexthop via 10.1.0.2 dev 3"));
    kernel.apply(route("10.4.0.0/16", "blackhole"));
    kernel.apply(RouteEvent{Change::set,
                            local_table,
                            {*Prefix::parse("192.0.2.2/32"), 0, 0},
                            path("local dev 1"),
                            false,
                            false});
    house.neighbour(wan, "192.0.2.1", 1);
    house.link(down(wan));
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.0.0.0/8 unicast nhid 10 proto 0",
                "10.3.0.0/16 unicast nexthop via 192.0.2.1 dev #1 dead nexthop via 10.1.0.2 dev #3 "
                "proto 0",
                "10.4.0.0/16 blackhole proto 0"});
    CHECK(kernel.table(Family::ipv4, local_table)->size() == 1);
    CHECK(kernel.nexthops().find(NexthopId(1)) == nullptr);
    CHECK(kernel.nexthops().find(NexthopId(11)) == nullptr);
    CHECK(to_string(*kernel.nexthops().find(NexthopId(10))) == "group 2,1");
    CHECK(kernel.neighbours().size() == 0);
    SUBCASE("and asks for dumps that confirm it") {
        const auto suspicions = kernel.take_suspicions();
        CHECK(suspicions.contains({Kind::routes, Family::ipv4, wan, std::nullopt}));
        CHECK(suspicions.contains({Kind::routes, Family::ipv6, wan, std::nullopt}));
        CHECK(suspicions.contains({Kind::nexthops, std::nullopt, wan, std::nullopt}));
        CHECK(suspicions.contains({Kind::neighbours, std::nullopt, wan, std::nullopt}));
    }
    SUBCASE("and revives dead hops when it is up again") {
        house.link(house_link(wan));
        CHECK(
            main_routes(kernel, Family::ipv4)[1] ==
            "10.3.0.0/16 unicast nexthop via 192.0.2.1 dev #1 nexthop via 10.1.0.2 dev #3 proto 0");
    }
}

TEST_CASE("carrier loss takes nexthop objects and plain neighbours, and leaves plain routes") {
    House house;
    KernelState& kernel = house.kernel();
    house.nexthop(1, "via 192.0.2.1 dev 1");
    kernel.apply(route("10.1.0.0/16", "nhid 1"));
    kernel.apply(route("10.2.0.0/16", "via 192.0.2.1 dev 1"));
    house.neighbour(wan, "192.0.2.1", 1, 0x80);
    house.neighbour(wan, "192.0.2.3", 3, 0x02);
    Link silent = house_link(wan);
    silent.has_carrier = false;
    house.link(silent);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.2.0.0/16 unicast via 192.0.2.1 dev #1 proto 0"});
    CHECK(kernel.nexthops().size() == 0);
    CHECK(kernel.neighbours().size() == 1);
}

TEST_CASE("the last IPv4 address takes the device's IPv4 routes, one of several its own") {
    House house;
    KernelState& kernel = house.kernel();
    house.address(lan, "10.1.0.1/24");
    house.address(lan, "10.2.0.1/24");
    kernel.apply(route("10.8.0.0/16", "via 10.1.0.2 dev 3 src 10.2.0.1"));
    kernel.apply(route("10.9.0.0/16", "via 192.0.2.1 dev 1 src 10.2.0.1"));
    kernel.apply(route("10.7.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.apply(route("2001:db8::/32", "via 2001:db8:10::2 dev 3"));
    house.address(lan, "10.2.0.1/24", Change::removed);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.7.0.0/16 unicast via 10.1.0.2 dev #3 proto 0"});
    house.address(lan, "10.1.0.1/24", Change::removed);
    CHECK(main_routes(kernel, Family::ipv4).empty());
    CHECK(main_routes(kernel, Family::ipv6).size() == 1);
}

TEST_CASE("a removed nexthop object takes its routes, and empty groups with theirs") {
    House house;
    KernelState& kernel = house.kernel();
    house.nexthop(1, "via 192.0.2.1 dev 1");
    house.nexthop(10, "group 1,1");
    kernel.apply(route("10.0.0.0/8", "nhid 10"));
    kernel.apply(route("10.1.0.0/16", "nhid 1"));
    house.no_nexthop(1);
    CHECK(kernel.nexthops().size() == 0);
    CHECK(main_routes(kernel, Family::ipv4).empty());
}

TEST_CASE("a route told as a blackhole for its object's sake leads where the object leads") {
    House house;
    KernelState& kernel = house.kernel();
    const NexthopId alone(40);
    const NexthopId group(41);
    Nexthop blackhole;
    blackhole.is_blackhole = true;
    kernel.apply(NexthopEvent{Change::set, alone, blackhole});
    Nexthop one;
    one.members = {{alone, 1}};
    kernel.apply(NexthopEvent{Change::set, group, one});
    for (const NexthopId id : {alone, group}) {
        RouteEvent told = route("10.0.0.0/8", "via 10.1.0.2 dev 3");
        told.path = Path{};
        told.path.type = RouteType::blackhole;
        told.path.nexthop = id;
        told.is_replacement = true;
        kernel.apply(told);
        CHECK(main_routes(kernel, Family::ipv4).front().starts_with("10.0.0.0/8 unicast nhid"));
        kernel.begin_dump({Kind::routes, Family::ipv4, std::nullopt, main_table});
        CHECK(kernel.offer(told) == 0);
        CHECK(kernel.end_dump() == 0);
    }
    // One that is a blackhole of its own stays one, whatever object it names.
    kernel.apply(NexthopEvent{Change::set, alone, Nexthop{}});
    RouteEvent own = route("10.1.0.0/16", "via 10.1.0.2 dev 3");
    own.path = Path{};
    own.path.type = RouteType::blackhole;
    own.path.nexthop = alone;
    kernel.apply(own);
    CHECK(main_routes(kernel, Family::ipv4).back().starts_with("10.1.0.0/16 blackhole"));
}

TEST_CASE("rules stand by priority, equal ones in the order of their coming") {
    House house;
    house.rule(400, "from 198.51.100.0/24 lookup 2");
    house.rule(100, "lookup 1");
    house.rule(400, "from 203.0.113.0/24 lookup 3");
    const auto& rules = house.kernel().rules(Family::ipv4);
    REQUIRE(rules.size() == 3);
    CHECK(rules[0].table == TableId(1));
    CHECK(rules[1].table == TableId(2));
    CHECK(rules[2].table == TableId(3));
    house.kernel().apply(RuleEvent{Change::removed, rules[1]});
    CHECK(house.kernel().rules(Family::ipv4)[1].table == TableId(3));
}

TEST_CASE("a dump corrects what it finds different and forgets what it does not mention") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(route("10.1.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.apply(route("10.2.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.apply(route("10.3.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.begin_dump({Kind::routes, Family::ipv4, std::nullopt, std::nullopt});
    CHECK(kernel.offer(route("10.1.0.0/16", "via 10.1.0.2 dev 3")) == 0);
    CHECK(kernel.offer(route("10.2.0.0/16", "via 10.1.0.9 dev 3")) == 1);
    CHECK(kernel.offer(route("10.4.0.0/16", "via 10.1.0.2 dev 3")) == 1);
    CHECK(kernel.end_dump() == 1);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.1.0.0/16 unicast via 10.1.0.2 dev #3 proto 0",
                "10.2.0.0/16 unicast via 10.1.0.9 dev #3 proto 0",
                "10.4.0.0/16 unicast via 10.1.0.2 dev #3 proto 0"});
}

TEST_CASE("what an event touched since the dump was asked for, the dump does not change") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(route("10.1.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.apply(route("10.2.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.begin_dump({Kind::routes, Family::ipv4, std::nullopt, std::nullopt});
    RouteEvent newer = route("10.1.0.0/16", "via 10.1.0.9 dev 3");
    newer.is_replacement = true;
    kernel.apply(newer);                                                        // replaced
    kernel.apply(route("10.2.0.0/16", "via 10.1.0.2 dev 3", Change::removed));  // removed
    kernel.apply(route("10.3.0.0/16", "via 10.1.0.2 dev 3"));                   // added
    kernel.offer(route("10.1.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.offer(route("10.2.0.0/16", "via 10.1.0.2 dev 3"));
    CHECK(kernel.end_dump() == 0);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.1.0.0/16 unicast via 10.1.0.9 dev #3 proto 0",
                "10.3.0.0/16 unicast via 10.1.0.2 dev #3 proto 0"});
}

TEST_CASE("a dump by device forgets nothing of other devices") {
    House house;
    KernelState& kernel = house.kernel();
    house.nexthop(1, "via 192.0.2.1 dev 1");
    kernel.apply(route("10.1.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.apply(route("10.2.0.0/16", "via 192.0.2.1 dev 1"));
    kernel.apply(route("10.3.0.0/16", "nhid 1"));
    kernel.begin_dump({Kind::routes, Family::ipv4, wan, std::nullopt});
    kernel.offer(route("10.4.0.0/16", "via 192.0.2.1 dev 1"));
    CHECK(kernel.end_dump() == 2);
    CHECK(main_routes(kernel, Family::ipv4) ==
          Lines{"10.1.0.0/16 unicast via 10.1.0.2 dev #3 proto 0",
                "10.4.0.0/16 unicast via 192.0.2.1 dev #1 proto 0"});
}

TEST_CASE("a dump that failed half way forgets nothing") {
    House house;
    KernelState& kernel = house.kernel();
    kernel.apply(route("10.1.0.0/16", "via 10.1.0.2 dev 3"));
    kernel.begin_dump({Kind::routes, Family::ipv4, std::nullopt, std::nullopt});
    kernel.abandon_dump();
    CHECK(main_routes(kernel, Family::ipv4).size() == 1);
}

TEST_CASE("a missed link event that a dump reveals has its consequences") {
    House house;
    KernelState& kernel = house.kernel();
    house.nexthop(1, "via 192.0.2.1 dev 1");
    kernel.begin_dump({Kind::links, std::nullopt, std::nullopt, std::nullopt});
    CHECK(kernel.offer(LinkEvent{Change::set, down(wan)}) == 1);
    for (const InterfaceIndex one : {xcon, lan, partner})
        CHECK(kernel.offer(LinkEvent{Change::set, house_link(one)}) == 0);
    CHECK(kernel.end_dump() == 1);  // "other" is gone
    CHECK(kernel.nexthops().size() == 0);
    CHECK(kernel.links().find(other) == nullptr);
}

TEST_CASE("a rule that came while rules were dumped asks for another dump") {
    House house;
    KernelState& kernel = house.kernel();
    house.rule(100, "lookup 1");
    (void)kernel.take_suspicions();
    const Rule known = kernel.rules(Family::ipv4)[0];
    kernel.begin_dump({Kind::rules, Family::ipv4, std::nullopt, std::nullopt});
    house.rule(200, "lookup 2");
    kernel.offer(RuleEvent{Change::set, known});
    CHECK(kernel.end_dump() == 0);
    CHECK(kernel.rules(Family::ipv4).size() == 2);
    CHECK(
        kernel.take_suspicions().contains({Kind::rules, Family::ipv4, std::nullopt, std::nullopt}));
}
