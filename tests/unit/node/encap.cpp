// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

// The frame that carries `inner` to the partner as packet `identification` of the worker.
Bytes encapsulated(const Bytes& inner, std::uint16_t protocol, std::uint8_t traffic_class,
                   std::uint16_t identification) {
    return frame(gateway_mac, wan_mac,
                 Ipv4{.source = "192.0.2.66",
                      .destination = "192.0.2.65",
                      .traffic_class = traffic_class,
                      .identification = identification,
                      .fragment = 0x4000,
                      .protocol = 47,
                      .payload = gre(0x2000, protocol, 7, inner)});
}

TEST_CASE("an IPv4 packet from a detoured source leaves inside GRE, DSCP and ECN on the outside") {
    Rig rig;
    Ipv4 packet{.source = "198.51.100.7", .traffic_class = 0xb9, .padding = 10};
    rig.receive(lan, std::vector(2, frame(lan_mac, host_mac, packet)));
    packet.ttl = 63;
    packet.padding = 0;
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 2);
    CHECK(sent[0] == encapsulated(packet.bytes(), 0x0800, 0xb9, 0));
    CHECK(sent[1] == encapsulated(packet.bytes(), 0x0800, 0xb9, 1));
    CHECK(rig.counters.tunnels[0].out.packets.get() == 2);
    CHECK(rig.counters.tunnels[0].out.bytes.get() == 2 * packet.bytes().size());
}

TEST_CASE("an IPv6 packet leaves inside the same tunnel") {
    Rig rig;
    Ipv6 packet{.source = "2001:db8:77::7", .traffic_class = 0x02};
    rig.receive(lan, frame(lan_mac, host_mac, packet));
    packet.hop_limit = 63;
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == encapsulated(packet.bytes(), 0x86dd, 0x02, 0));
}

TEST_CASE("packets of a set are counted where they leave and where they come in") {
    Rig rig;
    rig.receive(lan, std::vector(3, frame(lan_mac, host_mac, Ipv4{.source = "198.51.100.7"})));
    rig.receive(lan, frame(lan_mac, host_mac, Ipv6{.source = "2001:db8:77::7"}));
    rig.receive(wan, frame(wan_mac, gateway_mac, Ipv4{.destination = "198.51.100.7"}));
    const auto& counters = rig.counters;
    const PrefixSetId set(0);
    CHECK(counters.of(UplinkId(1), set, Family::ipv4).out.packets.get() == 3);
    CHECK(counters.of(UplinkId(1), set, Family::ipv4).out.bytes.get() == 3 * 28);
    CHECK(counters.of(UplinkId(1), set, Family::ipv6).out.packets.get() == 1);
    CHECK(counters.of(UplinkId(0), set, Family::ipv4).in.packets.get() == 1);
    CHECK(counters.of(UplinkId(0), set, Family::ipv4).out.packets.get() == 0);
    CHECK(counters.of(UplinkId(1), set, Family::ipv4).in.packets.get() == 0);
}

TEST_CASE("what the kernel writes into a tunnel's twin is encapsulated only") {
    Rig rig;
    const Ipv4 packet{.source = "10.255.0.1", .destination = "10.255.0.0", .ttl = 1};
    rig.inject(Origin(partner), packet.bytes());
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == encapsulated(packet.bytes(), 0x0800, 0, 0));
}

TEST_CASE("what the box itself made is never punted") {
    Rig rig;
    SUBCASE("the tunnel has no next hop") {
        rig.state.tunnel_ends[0].adjacency = next_unresolved;
        rig.inject(Origin(partner), Ipv4{}.bytes());
        CHECK(rig.drops(Drop::tunnel_unresolved) == 1);
    }
    SUBCASE("larger than the path") {
        rig.inject(Origin(partner), Ipv4{.payload = Bytes(1460)}.bytes());
        CHECK(rig.drops(Drop::too_big) == 1);
    }
    SUBCASE("no IP") {
        rig.inject(Origin(partner), Bytes(60, 0));
        CHECK(rig.drops(Drop::bad_version) == 1);
    }
    CHECK(rig.first_class_punts().empty());
    CHECK(rig.bulk_punts().empty());
}

TEST_CASE("a packet exactly as large as the tunnel's MTU passes, one byte more is the kernel's") {
    Rig rig;
    rig.receive(lan,
                frame(lan_mac, host_mac, Ipv4{.source = "198.51.100.7", .payload = Bytes(1452)}));
    CHECK(rig.sent(wan).size() == 1);
    rig.receive(lan,
                frame(lan_mac, host_mac, Ipv4{.source = "198.51.100.7", .payload = Bytes(1453)}));
    CHECK(rig.sent(wan).empty());
    CHECK(rig.punts(Punt::too_big) == 1);
}

}  // namespace
}  // namespace detour::node::test
