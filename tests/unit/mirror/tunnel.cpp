// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <doctest/doctest.h>

#include <algorithm>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/gre.h"
#include "tests/unit/mirror/house.h"

using namespace detour;
using namespace detour::mirror;
using namespace detour::mirror::test;

namespace {

const fib::Adjacency& tunnel_adjacency(House& house) {
    house.compile();
    return house.state().adjacencies.at(house.state().tunnel_ends.at(0).adjacency);
}

std::string tunnel_says(House& house) {
    house.nexthop(10, "group 2,1");
    return house.says("lan", "198.51.100.9", "9.9.9.9");
}

}  // namespace

TEST_CASE("a tunnel's adjacency is the whole outer header behind its end's neighbour") {
    const auto house = House::furnished();
    const fib::Adjacency& adjacency = tunnel_adjacency(*house);
    CHECK(adjacency.verb == fib::Verb::tunnel);
    CHECK(adjacency.port == 1);
    CHECK(adjacency.tunnel == 0);
    CHECK(adjacency.uplink == 1);
    CHECK(adjacency.mtu == 1472);
    CHECK(adjacency.outer_offset == sizeof(packet::EthernetHeader));
    const auto outer = packet::build_gre_template(
        {*Address::parse("192.0.2.66"), *Address::parse("192.0.2.65"), 7, 64});
    CHECK(adjacency.header_size == sizeof(packet::EthernetHeader) + outer.size);
    CHECK(adjacency.checksum == outer.checksum);
    CHECK(std::ranges::equal(
        std::span(adjacency.header).subspan(adjacency.outer_offset, outer.size), outer.header()));
    CHECK(adjacency.header[5] == 0x65);   // the neighbour's MAC
    CHECK(adjacency.header[11] == 0xf2);  // the port's
}

TEST_CASE("a tunnel without a next hop drops, and never punts what the box made itself") {
    const auto house = House::furnished();
    CHECK(tunnel_says(*house).starts_with("tunnel 0"));
    SUBCASE("its neighbour is not resolved") {
        house->no_neighbour(xcon, "192.0.2.65");
        CHECK(tunnel_says(*house) == "drop tunnel-unresolved");
        const auto& uses = house->compiler().neighbour_uses();
        const auto use = uses.find({xcon, *Address::parse("192.0.2.65")});
        REQUIRE(use != uses.end());
        CHECK(use->second.is_gateway);
        CHECK(use->second.is_tunnel_end);
    }
    SUBCASE("no connected or static route leads to its end over its port") {
        house->no_route(254, "192.0.2.64/30", "dev 2 proto 2");
        CHECK(tunnel_says(*house) == "drop tunnel-unresolved");
    }
    SUBCASE("a learned route does not count, nor one over another device") {
        house->no_route(254, "192.0.2.64/30", "dev 2 proto 2");
        house->route(254, "192.0.2.65/32", "via 192.0.2.70 dev 2 proto 186");
        house->route(254, "192.0.2.64/31", "dev 4 proto 4");
        house->neighbour(xcon, "192.0.2.70", 0x70);
        CHECK(tunnel_says(*house) == "drop tunnel-unresolved");
    }
    SUBCASE("its port is down") {
        Link down = house_link(xcon);
        down.is_up = down.has_carrier = false;
        house->link(down);
        CHECK(tunnel_says(*house) == "drop tunnel-unresolved");  // the connected route went too
    }
    SUBCASE("its port has no carrier") {
        Link silent = house_link(xcon);
        silent.has_carrier = false;
        house->link(silent);
        CHECK(tunnel_says(*house) == "drop port-down");
    }
    SUBCASE("it is down itself") {
        Link down = house_link(partner);
        down.is_up = false;
        house->link(down);
        CHECK(house->says("xcon", "10.9.9.9", "10.255.0.0") != "punt unresolved");
        house->compile();
        CHECK(tunnel_adjacency(*house).verb == fib::Verb::drop);
    }
}

TEST_CASE("a static route's gateway on the underlay is the next hop of the end") {
    const auto house = House::furnished();
    house->route(254, "192.0.2.65/32", "via 192.0.2.70 dev 2 proto 4");
    house->neighbour(xcon, "192.0.2.70", 0x70);
    CHECK(tunnel_says(*house) == "tunnel 0 port 1 to 02:00:5e:00:53:70 mtu 1472");
}

TEST_CASE("the TUN's MTU is the tunnel's") {
    const auto house = House::furnished();
    Link link = house_link(partner);
    link.mtu = 1400;
    house->link(link);
    CHECK(tunnel_adjacency(*house).mtu == 1400);
}
