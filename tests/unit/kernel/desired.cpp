// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/desired.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "controlplane/kernel/plan/diff.h"
#include "tests/unit/kernel/story.h"

namespace detour::kernel::plan {
namespace {

using story::mail;
using story::partner;
using story::prefix;
using story::provider;
using story::web;

const RouteWay* way(const Desired& desired, TableId table, const char* to,
                    std::uint32_t metric = metric::normal) {
    const auto found = desired.routes.find({table, prefix(to), metric});
    return found == desired.routes.end() ? nullptr : &found->second;
}

std::vector<NexthopId> members(const Desired& desired, PrefixSetId set, Family family) {
    const auto found = desired.nexthops.find(nexthop::of(set, family));
    return found == desired.nexthops.end() ? std::vector<NexthopId>{}
                                           : found->second.group()->members;
}

// The rules of a family as `ip rule` lists them.
std::vector<std::string> rule_lines(const Desired& desired, Family family) {
    std::vector<Rule> rules;
    for (const Rule& rule : desired.rules)
        if (rule.family == family)
            rules.push_back(rule);
    std::ranges::sort(rules, {}, &Rule::priority);
    std::vector<std::string> lines;
    for (const Rule& rule : rules)
        lines.push_back(to_string(Operation{Verb::create, rule}).substr(17));
    return lines;
}

}  // namespace

TEST_CASE("the story's rules stand in the order of the design, in both families") {
    const auto desired = plan::desired(story::config(), story::all_on(provider), story::links());
    CHECK(rule_lines(desired, Family::ipv4) ==
          std::vector<std::string>{"100 iif partner lookup 1420000", "100 iif wan0 lookup 1420000",
                                   "100 iif xcon0 lookup 1420000",
                                   "200 lookup 254 suppress_prefixlength 0 suppress_ifgroup 196",
                                   "300 oif partner lookup 1430001", "300 oif wan0 lookup 1430000",
                                   "400 from 198.51.100.0/24 lookup 1500000",
                                   "400 from 203.0.113.0/24 lookup 1500001",
                                   "450 iif lan0 prohibit",
                                   "460 lookup 254 suppress_prefixlength 0", "500 lookup 1420001"});
    CHECK(rule_lines(desired, Family::ipv6) ==
          std::vector<std::string>{"100 iif partner lookup 1420000", "100 iif wan0 lookup 1420000",
                                   "100 iif xcon0 lookup 1420000",
                                   "200 lookup 254 suppress_prefixlength 0 suppress_ifgroup 196",
                                   "300 oif partner lookup 1430001", "300 oif wan0 lookup 1430000",
                                   "400 from 2001:db8:77::/48 lookup 1500001",
                                   "450 iif lan0 prohibit",
                                   "460 lookup 254 suppress_prefixlength 0", "500 lookup 1420001"});
}

TEST_CASE("an uplink's link, a tunnel and a tunnel's port are in group 196, the LAN is not") {
    const auto desired = plan::desired(story::config(), {}, story::links());
    CHECK(desired.links.at("wan0").group == uplink_group);
    CHECK(desired.links.at("partner").group == uplink_group);
    CHECK(desired.links.at("xcon0").group == uplink_group);
    CHECK_FALSE(desired.links.at("lan0").group);
    CHECK(desired.links.at("xcon0").mtu == 9000);
    // The MTU of a TUN follows the outer path: the data plane says it.
    CHECK_FALSE(desired.links.at("partner").mtu);
}

TEST_CASE("addresses are on their links, beacons and unlinked control sources on lo") {
    const auto desired = plan::desired(story::config(), {}, story::links());
    const auto has = [&](InterfaceIndex device, const char* text) {
        return desired.addresses.contains({device, *InterfaceAddress::parse(text)});
    };
    CHECK(has(story::wan0, "192.0.2.2/30"));
    CHECK(has(story::wan0, "2001:db8:1::2/64"));
    CHECK(has(story::tunnel, "10.255.0.1/31"));
    CHECK(has(story::tunnel, "2001:db8:ff::1/127"));
    CHECK(has(story::lan0, "10.1.0.1/24"));
    CHECK(has(story::lo, "198.51.100.2/32"));
    CHECK(has(story::lo, "2001:db8:77:8000::2/128"));
    CHECK(has(story::lo, "192.0.2.98/32"));
    CHECK(has(story::lo, "2001:db8:98::1/128"));
    // This control source is the link's own address.
    CHECK_FALSE(has(story::lo, "192.0.2.2/32"));
    CHECK(desired.addresses.size() == 7 + 2 + 4 + 2);
}

TEST_CASE("an uplink's table holds its connected prefixes and a default by its gateway") {
    const auto desired = plan::desired(story::config(), {}, story::links());
    const TableId u0 = table::of(provider);
    const TableId u1 = table::of(partner);
    CHECK(*way(desired, u0, "192.0.2.0/30") == RouteWay(Via{Family::ipv4, story::wan0, {}}));
    CHECK(*way(desired, u0, "2001:db8:1::/64") == RouteWay(Via{Family::ipv6, story::wan0, {}}));
    CHECK(*way(desired, u0, "fe80::/64") == RouteWay(Via{Family::ipv6, story::wan0, {}}));
    CHECK(*way(desired, u1, "10.255.0.0/31") == RouteWay(Via{Family::ipv4, story::tunnel, {}}));
    CHECK(*way(desired, u0, "0.0.0.0/0") == RouteWay(nexthop::of(provider, Family::ipv4)));
    CHECK(*way(desired, u1, "::/0") == RouteWay(nexthop::of(partner, Family::ipv6)));

    CHECK(desired.nexthops.at(nexthop::of(provider, Family::ipv4)).way ==
          decltype(Nexthop::way)(Via{Family::ipv4, story::wan0, story::ip("192.0.2.1")}));
    CHECK(desired.nexthops.at(nexthop::of(provider, Family::ipv6)).way ==
          decltype(Nexthop::way)(Via{Family::ipv6, story::wan0, story::ip("2001:db8:1::1")}));
    CHECK(desired.nexthops.at(nexthop::of(partner, Family::ipv6)).way ==
          decltype(Nexthop::way)(Via{Family::ipv6, story::tunnel, {}}));
}

TEST_CASE(
    "an explicit gateway wins over the on-link peer, and a peer that is not on-link is none") {
    auto config = story::config();
    config.uplinks[0].gateways = {story::ip("192.0.2.3")};
    config.uplinks[0].bgp->peers = {story::ip("192.0.2.200"), story::ip("2001:db8:99::1")};
    CHECK(gateway(config, config.uplinks[0], Family::ipv4) == story::ip("192.0.2.3"));
    CHECK_FALSE(gateway(config, config.uplinks[0], Family::ipv6));
    CHECK_FALSE(carries(config, config.uplinks[0], Family::ipv6));

    const auto desired = plan::desired(config, story::all_on(provider), story::links());
    CHECK_FALSE(desired.nexthops.contains(nexthop::of(provider, Family::ipv6)));
    // The IPv6 half of the set has no way out; the unreachable default is all it has.
    CHECK(members(desired, web, Family::ipv6).empty());
    CHECK(way(desired, table::of(web), "::/0") == nullptr);
    CHECK(*way(desired, table::of(web), "::/0", metric::last_resort) ==
          RouteWay(Refusal::unreachable));
}

TEST_CASE("what comes from the world reaches our prefixes and nothing else") {
    const auto desired = plan::desired(story::config(), {}, story::links());
    const RouteWay lan4 = Via{Family::ipv4, story::lan0, story::ip("10.1.0.2")};
    const RouteWay lan6 = Via{Family::ipv6, story::lan0, story::ip("2001:db8:10::2")};
    for (const TableId table : {table::in, table::main}) {
        CHECK(*way(desired, table, "198.51.100.0/24") == lan4);
        CHECK(*way(desired, table, "203.0.113.0/24") == lan4);
        CHECK(*way(desired, table, "2001:db8:77::/48") == lan6);
    }
    for (const char* everything : {"0.0.0.0/0", "::/0"})
        CHECK(*way(desired, table::in, everything, metric::last_resort) ==
              RouteWay(Refusal::blackhole));
}

TEST_CASE("main has a default by each uplink, in order of preference") {
    const auto desired = plan::desired(story::config(), {}, story::links());
    CHECK(*way(desired, table::main, "0.0.0.0/0", 14200) ==
          RouteWay(nexthop::of(provider, Family::ipv4)));
    CHECK(*way(desired, table::main, "0.0.0.0/0", 14201) ==
          RouteWay(nexthop::of(partner, Family::ipv4)));
}

TEST_CASE("a move changes the groups of the set and nothing else") {
    const auto config = story::config();
    const auto before = plan::desired(config, story::all_on(provider), story::links());
    auto placement = story::all_on(provider);
    placement.places[{web, Family::ipv4}] = {{partner}};
    placement.places[{web, Family::ipv6}] = {{partner}};
    const auto after = plan::desired(config, placement, story::links());

    CHECK(members(after, mail, Family::ipv4) == std::vector{nexthop::of(provider, Family::ipv4)});
    for (const Family family : families)
        CHECK(members(after, web, family) == std::vector{nexthop::of(partner, family)});
    auto undone = after;
    for (const Family family : families)
        undone.nexthops[nexthop::of(web, family)] = before.nexthops.at(nexthop::of(web, family));
    CHECK(undone == before);
}

TEST_CASE("a set on two uplinks has both as members") {
    auto placement = story::all_on(provider);
    placement.places[{mail, Family::ipv4}] = {{partner, provider, partner}};
    const auto desired = plan::desired(story::config(), placement, story::links());
    CHECK(members(desired, mail, Family::ipv4) ==
          std::vector{nexthop::of(provider, Family::ipv4), nexthop::of(partner, Family::ipv4)});
}

TEST_CASE("an isolated set, and one that nobody has placed, has a blackhole as only member") {
    auto placement = story::all_on(provider);
    placement.places[{mail, Family::ipv4}] = {};
    placement.places.erase({web, Family::ipv6});
    const auto desired = plan::desired(story::config(), placement, story::links());
    CHECK(members(desired, mail, Family::ipv4) == std::vector{nexthop::blackhole(Family::ipv4)});
    CHECK(members(desired, web, Family::ipv6) == std::vector{nexthop::blackhole(Family::ipv6)});
    CHECK(*way(desired, table::of(mail), "0.0.0.0/0") == RouteWay(nexthop::of(mail, Family::ipv4)));
}

TEST_CASE("what hangs on a link without carrier is not asked of the kernel") {
    auto links = story::links();
    links.at(story::wan0).has_carrier = false;
    const auto desired = plan::desired(story::config(), story::all_on(provider), links);
    CHECK_FALSE(desired.nexthops.contains(nexthop::of(provider, Family::ipv4)));
    CHECK_FALSE(desired.nexthops.contains(nexthop::of(mail, Family::ipv4)));
    CHECK(way(desired, table::of(mail), "0.0.0.0/0") == nullptr);
    CHECK(way(desired, table::of(provider), "192.0.2.0/30") == nullptr);
    CHECK(way(desired, table::main, "0.0.0.0/0", 14200) == nullptr);
    // The rule and the last resort stay: what the set sends goes nowhere else.
    CHECK(*way(desired, table::of(mail), "0.0.0.0/0", metric::last_resort) ==
          RouteWay(Refusal::unreachable));
    CHECK(desired.rules.size() == 21);
    CHECK(desired.nexthops.contains(nexthop::of(partner, Family::ipv4)));
}

TEST_CASE("an absent link costs its own objects only") {
    auto links = story::links();
    links.erase(story::lan0);
    const auto desired = plan::desired(story::config(), story::all_on(partner), links);
    CHECK(way(desired, table::in, "198.51.100.0/24") == nullptr);
    CHECK(*way(desired, table::in, "0.0.0.0/0", metric::last_resort) ==
          RouteWay(Refusal::blackhole));
    CHECK(desired.links.at("lan0").index == InterfaceIndex(0));
    CHECK(members(desired, mail, Family::ipv4) == std::vector{nexthop::of(partner, Family::ipv4)});
}

TEST_CASE("a set without a next hop lives on the LAN port that has an address in it") {
    auto config = story::config();
    config.prefix_sets[0].next_hops.clear();
    config.ports[2].addresses.push_back(*InterfaceAddress::parse("198.51.100.1/24"));
    const auto desired = plan::desired(config, {}, story::links());
    CHECK(*way(desired, table::in, "198.51.100.0/24") ==
          RouteWay(Via{Family::ipv4, story::lan0, {}}));
}

TEST_CASE("many small sources become few rules") {
    auto config = story::config();
    config.prefix_sets[0].prefixes.clear();
    for (std::uint32_t i = 0; i < 64; ++i)
        config.prefix_sets[0].prefixes.emplace_back(Address::ipv4(0xc6336400U + i * 4), 30);
    const auto desired = plan::desired(config, {}, story::links());
    CHECK(std::ranges::count(desired.rules, priority::source, &Rule::priority) == 3);
    CHECK(std::ranges::count_if(desired.routes, [](const auto& route) {
              return route.first.table == table::in && route.first.prefix.length() == 30;
          }) == 64);
}

TEST_CASE("learned routes stand in B on the uplink's next hop, while it has one") {
    auto placement = story::all_on(provider);
    placement.learned = {{prefix("0.0.0.0/0"), provider},
                         {prefix("198.18.0.0/15"), partner},
                         {prefix("2001:db8:501::/48"), provider}};
    auto links = story::links();
    links.at(story::tunnel).is_up = false;
    const auto desired = plan::desired(story::config(), placement, links);
    CHECK(*way(desired, table::learned, "0.0.0.0/0") ==
          RouteWay(nexthop::of(provider, Family::ipv4)));
    CHECK(*way(desired, table::learned, "2001:db8:501::/48") ==
          RouteWay(nexthop::of(provider, Family::ipv6)));
    CHECK(way(desired, table::learned, "198.18.0.0/15") == nullptr);
}

TEST_CASE("kernel mode uses the host's interfaces, makes the tunnel and leaves MTUs alone") {
    auto config = story::config();
    config.dataplane.kind = model::DataplaneKind::kernel;
    auto links = story::links();
    links.at(story::wan0).name = "eth1";
    links.at(story::xcon0).name = "eth2";
    links.at(story::lan0).name = "eth3";
    links.erase(story::tunnel);
    const auto desired = plan::desired(config, story::all_on(provider), links);
    const LinkGoal& tunnel = desired.links.at("partner");
    CHECK(tunnel.tunnel ==
          Tunnel{story::xcon0, story::ip("192.0.2.66"), story::ip("192.0.2.65"), 7, 64});
    CHECK(tunnel.group == uplink_group);
    CHECK_FALSE(desired.links.at("eth2").mtu);
    CHECK(rule_lines(desired, Family::ipv4)[0] == "100 iif eth1 lookup 1420000");
}

}  // namespace detour::kernel::plan
