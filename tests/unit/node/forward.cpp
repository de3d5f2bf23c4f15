// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

TEST_CASE("an IPv4 packet is forwarded one hop older, without its padding, to the next hop's MAC") {
    Rig rig;
    Ipv4 packet{.source = "10.9.0.1", .destination = "203.0.113.9", .padding = 18};
    rig.receive(lan, frame(lan_mac, host_mac, packet));
    packet.ttl = 63;
    packet.padding = 0;
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == frame(gateway_mac, wan_mac, packet));
    CHECK(rig.sent(lan).empty());
    CHECK(rig.counters.ports[lan.value].in.packets.get() == 1);
    // The rig's rings are relays: who has the queue counts what leaves by it.
    CHECK(rig.counters.ports[wan.value].out.packets.get() == 0);
    CHECK(rig.counters.adjacencies[next_gateway].packets.get() == 1);
    CHECK(rig.counters.leaves[next_gateway].bytes.get() == sent[0].size() - 14);
}

TEST_CASE("an IPv6 packet is forwarded alike, with its own Ethernet type") {
    Rig rig;
    Ipv6 packet{.source = "2001:db8:9::1", .destination = "2001:db8:3::9", .padding = 6};
    rig.receive(lan, frame(lan_mac, host_mac, packet));
    packet.hop_limit = 63;
    packet.padding = 0;
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == frame(gateway_mac, wan_mac, packet));
}

TEST_CASE("frames that are not for us, or broken, end in a drop with its name") {
    const Ipv4 good{.source = "10.9.0.1", .destination = "203.0.113.9"};
    const auto with = [&](auto change) {
        Ipv4 packet = good;
        change(packet);
        return frame(lan_mac, host_mac, packet);
    };
    struct Case {
        const char* what;
        Bytes bytes;
        Drop reason;
    };
    const std::vector<Case> cases{
        {"another station's", frame(wan_mac, host_mac, good), Drop::not_for_us},
        {"a runt", Bytes(13, 0), Drop::truncated},
        {"no IP at all", frame(lan_mac, host_mac, 0x88cc, Bytes(40, 0)), Drop::unknown_ethertype},
        {"wrong checksum", with([](Ipv4& p) { p.header_checksum = 1; }), Drop::bad_header_checksum},
        {"cut by the driver", with([](Ipv4& p) { p.total_length = 2000; }), Drop::bad_total_length},
        {"version 5", with([](Ipv4& p) { p.version = 5; }), Drop::bad_version},
        {"from loopback", with([](Ipv4& p) { p.source = "127.0.0.1"; }), Drop::martian_source},
        {"our own frame come back", frame({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, lan_mac, good),
         Drop::martian_source},
        {"to a blackhole", Bytes(), Drop::blackhole},
    };
    for (const Case& one : cases) {
        CAPTURE(std::string(one.what));
        Rig rig;
        if (one.bytes.empty())
            rig.receive(wan, frame(wan_mac, gateway_mac, good));
        else
            rig.receive(lan, one.bytes);
        CHECK(rig.drops(one.reason) == 1);
        CHECK(rig.drops() == 1);
        CHECK(rig.sent(lan).empty());
        CHECK(rig.sent(wan).empty());
    }
}

TEST_CASE("a port that the kernel has down takes nothing in, one without carrier sends nothing") {
    Rig rig;
    const auto bytes =
        frame(lan_mac, host_mac, Ipv4{.source = "10.9.0.1", .destination = "203.0.113.9"});
    rig.is_wan_up = false;
    rig.receive(lan, bytes);
    CHECK(rig.drops(Drop::port_down) == 1);
    rig.is_wan_up = true;
    rig.state.ports[lan.value].is_up = false;
    rig.receive(lan, bytes);
    CHECK(rig.drops(Drop::port_down) == 2);
    CHECK(rig.sent(wan).empty());
}

TEST_CASE("a group sends each flow one way and flows both ways") {
    Rig rig;
    rig.state.leaves[next_gateway].adjacency = next_group;
    std::size_t plain = 0;
    std::size_t tunnelled = 0;
    for (int flow = 0; flow < 200; ++flow) {
        const Ipv4 packet{.source = fmt::format("10.9.0.{}", flow), .destination = "203.0.113.9"};
        rig.receive(lan, std::vector(3, frame(lan_mac, host_mac, packet)));
        const auto sent = rig.sent(wan);
        REQUIRE(sent.size() == 3);
        CHECK(sent[0].size() == sent[1].size());
        CHECK(sent[0].size() == sent[2].size());
        ++(sent[0][23] == 47 ? tunnelled : plain);
    }
    CHECK(plain > 60);
    CHECK(tunnelled > 60);
}

TEST_CASE("a full burst of everything is worked off without losing or doubling a buffer") {
    Rig rig;
    std::vector<Bytes> burst;
    for (std::size_t i = 0; i < vector_size / 8; ++i) {
        const Ipv4 inner{.source = "203.0.113.9", .destination = "198.51.100.7"};
        burst.push_back(frame(lan_mac, host_mac, Ipv4{.source = "10.9.0.1"}));
        burst.push_back(frame(lan_mac, host_mac, Ipv6{.destination = "2001:db8:3::9"}));
        burst.push_back(frame(lan_mac, host_mac, Ipv4{.source = "198.51.100.7"}));
        burst.push_back(frame(lan_mac, host_mac, from_partner(inner.bytes())));
        burst.push_back(frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1"}));
        burst.push_back(frame(lan_mac, host_mac, Ipv4{.ttl = 1}));
        burst.push_back(frame(lan_mac, host_mac, 0x0806, Bytes(28, 0)));
        burst.push_back(frame(wan_mac, host_mac, Ipv4{}));
    }
    rig.receive(lan, burst);
    const std::size_t each = vector_size / 8;
    CHECK(rig.sent(wan).size() == 3 * each);
    CHECK(rig.sent(lan).size() == each);
    CHECK(rig.first_class_punts().size() == each);
    CHECK(rig.bulk_punts().size() == 2 * each);
    CHECK(rig.drops(Drop::not_for_us) == each);
}

TEST_CASE("what the kernel writes into a port's twin is sent as it is") {
    Rig rig;
    const Bytes bytes = frame(gateway_mac, wan_mac, 0x0806, Bytes(28, 0x55));
    rig.inject(Origin(wan), bytes);
    const auto sent = rig.sent(wan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == bytes);
    CHECK(rig.counters.injected.get() == 1);
}

}  // namespace
}  // namespace detour::node::test
