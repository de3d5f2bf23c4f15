// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/compile.h"

#include <doctest/doctest.h>

#include "tests/unit/mirror/house.h"

using namespace detour;
using namespace detour::mirror;
using namespace detour::mirror::test;

namespace {

struct Flow {
    std::string_view input;
    std::string_view source;
    std::string_view destination;
    std::string_view decision;
};

constexpr std::string_view to_lan = "forward port 2 to 02:00:5e:00:53:02 mtu 1500";
constexpr std::string_view to_provider = "forward port 0 to 02:00:5e:00:53:01 mtu 1500";
constexpr std::string_view to_partner = "tunnel 0 port 1 to 02:00:5e:00:53:65 mtu 1472";

void check(House& house, std::span<const Flow> flows) {
    for (const Flow& flow : flows) {
        CAPTURE(flow.input);
        CAPTURE(flow.source);
        CAPTURE(flow.destination);
        CHECK(house.says(flow.input, flow.source, flow.destination) == flow.decision);
    }
}

}  // namespace

TEST_CASE("every rule of the house decides what it should, in both families") {
    const auto house = House::furnished();
    const Flow flows[] = {
        // 0: local
        {"lan", "198.51.100.9", "192.0.2.2", "punt local"},
        {"wan", "8.8.8.8", "192.0.2.2", "punt local"},
        {"lan", "198.51.100.9", "10.1.0.255", "punt broadcast"},
        {"lan", "2001:db8:77::9", "2001:db8:10::1", "punt local"},
        {"lan", "2001:db8:77::9", "2001:db8:10::", "punt local"},
        {"lan", "2001:db8:77::9", "fe80::1", "punt local"},
        {"lan", "198.51.100.9", "224.0.0.5", "punt broadcast"},
        {"lan", "2001:db8:77::9", "ff02::5", "punt broadcast"},
        {"lan", "198.51.100.9", "255.255.255.255", "punt broadcast"},
        // 100: what comes in by an uplink is for our prefixes or for nobody
        {"wan", "8.8.8.8", "198.51.100.9", to_lan},
        {"wan", "8.8.8.8", "9.9.9.9", "drop blackhole"},
        {"wan", "198.51.100.9", "9.9.9.9", "drop blackhole"},
        {"partner", "8.8.8.8", "203.0.113.9", to_lan},
        {"partner", "3fff::1", "2001:db8:77::9", to_lan},
        {"wan", "3fff::1", "2001:db8:99::9", "drop blackhole"},
        // 200: the LAN's own prefixes before the sources' way out
        {"lan", "198.51.100.9", "203.0.113.9", to_lan},
        {"lan", "198.51.100.9", "10.1.0.77", "punt unresolved"},
        // 400: by source, the set's next hop
        {"lan", "198.51.100.9", "9.9.9.9", to_provider},
        {"lan", "203.0.113.9", "9.9.9.9", to_provider},
        {"lan", "2001:db8:77::9", "3fff::1", to_provider},
        // and even to a neighbour network of the uplink: the set decides, not main
        {"lan", "198.51.100.9", "192.0.2.1", to_provider},
        // 450: other sources from the LAN
        {"lan", "10.1.0.9", "9.9.9.9", "punt prohibit"},
        {"lan", "2001:db8:10::9", "3fff::1", "punt prohibit"},
        // 460, 500, main: neither uplink nor LAN
        {"xcon", "10.9.9.9", "192.0.2.1", to_provider},
        {"xcon", "10.9.9.9", "9.9.9.9", to_provider},
        {"xcon", "3fff::9", "3fff::1", "punt no-route"},
    };
    check(*house, flows);
}

TEST_CASE("a set moves to the tunnel by its nexthop object, and no table is touched") {
    const auto house = House::furnished();
    house->nexthop(10, "group 2,1");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") == to_partner);
    CHECK(house->says("lan", "203.0.113.9", "9.9.9.9") == to_provider);
    CHECK(house->compiler().compiled().composed == 0);
    CHECK(house->compiler().compiled().edited == 0);
    house->nexthop(9, "blackhole");
    house->nexthop(10, "group 9,1");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") == "drop blackhole");
}

TEST_CASE("leaves are tagged with the prefix set of what was looked up") {
    const auto house = House::furnished();
    CHECK(house->set_of("wan", "8.8.8.8", "198.51.100.9") == 0);
    CHECK(house->set_of("wan", "8.8.8.8", "203.0.113.9") == 1);
    CHECK(house->set_of("wan", "8.8.8.8", "9.9.9.9") == fib::no_set);
    CHECK(house->set_of("lan", "198.51.100.9", "9.9.9.9") == 0);
    CHECK(house->set_of("lan", "2001:db8:77::9", "3fff::1") == 1);
    SUBCASE("also under a covering route") {
        for (const char* prefix : {"198.51.100.0/24", "203.0.113.0/24"})
            house->no_route(in_table, prefix, "via 10.1.0.2 dev 3");
        house->route(in_table, "203.0.112.0/22", "via 10.1.0.2 dev 3");
        CHECK(house->says("wan", "8.8.8.8", "203.0.113.9") == to_lan);
        CHECK(house->set_of("wan", "8.8.8.8", "203.0.113.9") == 1);
        CHECK(house->set_of("wan", "8.8.8.8", "203.0.112.9") == fib::no_set);
    }
}

TEST_CASE("LAN down: the set's packets do not leak, and what comes in is dropped") {
    const auto house = House::furnished();
    Link down = house_link(lan);
    down.is_up = down.has_carrier = false;
    house->link(down);
    const Flow flows[] = {
        {"wan", "8.8.8.8", "198.51.100.9", "drop blackhole"},
        {"partner", "3fff::1", "2001:db8:77::9", "drop blackhole"},
        {"xcon", "10.9.9.9", "10.1.0.2", to_provider},  // the kernel's default, as `ip route get`
        {"xcon", "10.9.9.9", "10.1.0.1", "punt local"},
    };
    check(*house, flows);
}

TEST_CASE("carrier loss: nexthop objects and their routes go, plain routes stay and are dropped") {
    const auto house = House::furnished();
    Link silent = house_link(wan);
    silent.has_carrier = false;
    house->link(silent);
    const Flow flows[] = {
        {"lan", "198.51.100.9", "9.9.9.9", "punt no-route"},  // the unreachable default of the set
        {"lan", "2001:db8:77::9", "3fff::1", "punt no-route"},
        {"xcon", "10.9.9.9", "9.9.9.9", "drop port-down"},
        {"wan", "8.8.8.8", "198.51.100.9", to_lan},
    };
    check(*house, flows);
    CHECK_FALSE(house->state().ports[0].is_up);
}

TEST_CASE("a neighbour that comes, changes and goes is a leaf that changes") {
    const auto house = House::furnished();
    house->neighbour(lan, "10.1.0.77", 0x77, 0x02);  // NUD_REACHABLE
    CHECK(house->says("xcon", "10.9.9.9", "10.1.0.77") ==
          "forward port 2 to 02:00:5e:00:53:77 mtu 1500");
    house->neighbour(lan, "10.1.0.77", 0x78, 0x02);
    CHECK(house->says("xcon", "10.9.9.9", "10.1.0.77") ==
          "forward port 2 to 02:00:5e:00:53:78 mtu 1500");
    CHECK(house->compiler().compiled().edited == 0);
    house->neighbour(lan, "10.1.0.77", 0x78, 0x20);  // NUD_FAILED
    CHECK(house->says("xcon", "10.9.9.9", "10.1.0.77") == "punt unresolved");
    house->no_neighbour(lan, "10.1.0.77");
    CHECK(house->says("xcon", "10.9.9.9", "10.1.0.77") == "punt unresolved");
    SUBCASE("a host on another link than its route is none") {
        house->neighbour(xcon, "10.1.0.78", 0x78);
        CHECK(house->says("xcon", "10.9.9.9", "10.1.0.78") == "punt unresolved");
    }
    SUBCASE("a route for the host alone is stronger") {
        house->neighbour(lan, "10.1.0.79", 0x79);
        house->route(254, "10.1.0.79/32", "via 10.1.0.2 dev 3");
        CHECK(house->says("xcon", "10.9.9.9", "10.1.0.79") == to_lan);
        house->no_route(254, "10.1.0.79/32", "via 10.1.0.2 dev 3");
        CHECK(house->says("xcon", "10.9.9.9", "10.1.0.79") ==
              "forward port 2 to 02:00:5e:00:53:79 mtu 1500");
    }
}

TEST_CASE("groups of several are buckets by weight, of members that can send") {
    const auto house = House::furnished();
    house->nexthop(4, "via 192.0.2.9 dev 1");
    house->nexthop(10, "group 1,3/2,1");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") ==
          "group of 2: [3/4 " + std::string(to_provider) + "] [1/4 " + std::string(to_partner) +
              "]");
    house->nexthop(10, "group 1,3/4,1");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") == to_provider);
}

TEST_CASE("IPv4 goes over an IPv6 next hop") {
    const auto house = House::furnished();
    house->route(254, "100.64.0.0/10", "via 2001:db8:10::2 dev 3");
    CHECK(house->says("xcon", "10.9.9.9", "100.64.1.1") == to_lan);
}

TEST_CASE("a route's MTU counts when it is below the link's") {
    const auto house = House::furnished();
    house->route(254, "100.64.0.0/10", "via 10.1.0.2 dev 3 mtu 1400");
    house->route(254, "100.128.0.0/10", "via 10.1.0.2 dev 3 mtu 9000");
    CHECK(house->says("xcon", "10.9.9.9", "100.64.1.1") ==
          "forward port 2 to 02:00:5e:00:53:02 mtu 1400");
    CHECK(house->says("xcon", "10.9.9.9", "100.128.1.1") == to_lan);
}

TEST_CASE("routes that the fast path cannot follow are punted") {
    const auto house = House::furnished();
    house->route(254, "100.64.0.0/16", "via 10.7.0.1 dev 5");
    house->route(254, "100.65.0.0/16", "foreign via 10.1.0.2 dev 3");
    house->route(254, "100.66.0.0/16", "unreachable");
    house->route(254, "100.67.0.0/16", "prohibit");
    house->route(254, "100.68.0.0/16", "blackhole");
    house->kernel().apply(RouteEvent{Change::set,
                                     main_table,
                                     {*Prefix::parse("100.69.0.0/16"), 0x10, 0},
                                     path("via 10.1.0.2 dev 3"),
                                     true,
                                     false});
    const Flow flows[] = {
        {"xcon", "10.9.9.9", "100.64.0.1", "punt other-device"},
        {"xcon", "10.9.9.9", "100.65.0.1", "punt unsupported-rule"},
        {"xcon", "10.9.9.9", "100.66.0.1", "punt no-route"},
        {"xcon", "10.9.9.9", "100.67.0.1", "punt prohibit"},
        {"xcon", "10.9.9.9", "100.68.0.1", "drop blackhole"},
        {"xcon", "10.9.9.9", "100.69.0.1", "punt unsupported-rule"},
    };
    check(*house, flows);
}

TEST_CASE("throw leaves the table, and the rules go on") {
    const auto house = House::furnished();
    house->route(in_table, "198.51.100.128/25", "throw");
    CHECK(house->says("wan", "8.8.8.8", "198.51.100.200") == to_lan);  // by main
    house->no_route(254, "198.51.100.0/24", "via 10.1.0.2 dev 3");
    CHECK(house->says("wan", "8.8.8.8", "198.51.100.200") == to_provider);
    CHECK(house->says("wan", "8.8.8.8", "198.51.100.9") == to_lan);
}

TEST_CASE("a route that names an unknown nexthop object waits for it") {
    const auto house = House::furnished();
    house->route(in_table, "192.0.2.160/29", "nhid 77");
    CHECK(house->says("wan", "8.8.8.8", "192.0.2.161") == "drop blackhole");
    CHECK(house->compiler().compiled().waiting_routes == 1);
    house->nexthop(77, "via 10.1.0.2 dev 3");
    CHECK(house->says("wan", "8.8.8.8", "192.0.2.161") == to_lan);
    CHECK(house->compiler().compiled().waiting_routes == 0);
}

TEST_CASE("a table behind a rule by source with more than a default is the kernel's") {
    const auto house = House::furnished();
    house->route(mail_table, "192.0.2.160/29", "via 10.1.0.2 dev 3");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") == "punt unsupported-rule");
    CHECK(house->says("lan", "203.0.113.9", "9.9.9.9") == to_provider);
    house->no_route(mail_table, "192.0.2.160/29", "via 10.1.0.2 dev 3");
    CHECK(house->says("lan", "198.51.100.9", "9.9.9.9") == to_provider);
}

TEST_CASE("a device that changes its group changes what is suppressed") {
    const auto house = House::furnished();
    CHECK(house->says("lan", "198.51.100.9", "192.0.2.2") == "punt local");
    CHECK(house->says("lan", "10.1.0.9", "192.0.2.1") == "punt prohibit");
    Link regrouped = house_link(wan);
    regrouped.group = 0;
    house->link(regrouped);
    CHECK(house->says("lan", "10.1.0.9", "192.0.2.1") == to_provider);
}

TEST_CASE("a box with local and main alone forwards as plain Linux") {
    House house;
    house.rule(0, "lookup 255");
    house.rule(32766, "lookup 254");
    house.route(255, "10.1.0.1/32", "local dev 3");
    house.route(254, "10.1.0.0/24", "dev 3 proto 2");
    house.route(254, "default", "via 192.0.2.1 dev 1 proto 186");
    house.neighbour(wan, "192.0.2.1", 0x01);
    house.neighbour(lan, "10.1.0.9", 0x09);
    const Flow flows[] = {
        {"wan", "8.8.8.8", "10.1.0.9", "forward port 2 to 02:00:5e:00:53:09 mtu 1500"},
        {"lan", "10.1.0.9", "8.8.8.8", to_provider},
        {"lan", "10.1.0.9", "10.1.0.1", "punt local"},
    };
    check(house, flows);
    CHECK(house.state().ports[0].programs[0].source == nullptr);
    CHECK(house.state().ports[0].programs[0].fallback == nullptr);
    // One table for all interfaces.
    CHECK(house.state().ports[0].programs[0].destination ==
          house.state().ports[2].programs[0].destination);
}

TEST_CASE("what changes nothing makes no snapshot") {
    const auto house = House::furnished();
    CHECK_FALSE(house->compile());
    house->neighbour(lan, "10.1.0.2", 0x02, 0x04);  // NUD_STALE forwards as well
    CHECK_FALSE(house->compile());
    house->neighbour(lan, "10.1.0.2", 0x03, 0x04);
    CHECK(house->compile());
}

TEST_CASE("the compiled house is the same whichever way its state came about") {
    const auto straight = House::furnished();
    const auto detoured = House::furnished();
    Link down = house_link(lan);
    down.is_up = down.has_carrier = false;
    detoured->route(254, "100.64.0.0/10", "via 10.1.0.2 dev 3");
    detoured->compile();
    detoured->nexthop(10, "group 2,1");
    detoured->compile();
    detoured->no_route(254, "100.64.0.0/10", "via 10.1.0.2 dev 3");
    detoured->compile();
    detoured->nexthop(10, "group 1,1");
    for (const char* source : {"198.51.100.9", "203.0.113.9", "10.1.0.9"})
        for (const char* destination : {"9.9.9.9", "100.64.1.1", "10.1.0.2", "192.0.2.1"})
            for (const char* input : {"wan", "xcon", "lan", "partner"})
                CHECK(straight->says(input, source, destination) ==
                      detoured->says(input, source, destination));
}
