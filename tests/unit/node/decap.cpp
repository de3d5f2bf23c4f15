// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

TEST_CASE("a packet from the partner's tunnel is taken out and forwarded to the LAN") {
    Rig rig;
    Ipv4 inner{.source = "203.0.113.9", .destination = "198.51.100.7"};
    Ipv4 outer = from_partner(inner.bytes());
    outer.padding = 4;
    rig.receive(wan, frame(wan_mac, gateway_mac, outer));
    inner.ttl = 63;
    const auto sent = rig.sent(lan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == frame(host_mac, lan_mac, inner));
    CHECK(rig.counters.tunnels[0].in.packets.get() == 1);
    CHECK(rig.counters.of(UplinkId(1), PrefixSetId(0), Family::ipv4).in.packets.get() == 1);
}

TEST_CASE("IPv6 comes out of the same tunnel") {
    Rig rig;
    Ipv6 inner{.source = "2001:db8:3::9", .destination = "2001:db8:77::7"};
    rig.receive(wan, frame(wan_mac, gateway_mac, from_partner(inner.bytes(), 0x86dd)));
    inner.hop_limit = 63;
    const auto sent = rig.sent(lan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == frame(host_mac, lan_mac, inner));
}

TEST_CASE("options in the outer header do not send GRE to the kernel") {
    Rig rig;
    Ipv4 outer = from_partner(Ipv4{.destination = "198.51.100.7"}.bytes());
    outer.options = {1, 1, 1, 1};
    rig.receive(wan, frame(wan_mac, gateway_mac, outer));
    CHECK(rig.sent(lan).size() == 1);
}

TEST_CASE("congestion marked outside is carried inside") {
    Rig rig;
    Ipv4 inner{.source = "203.0.113.9", .destination = "198.51.100.7", .traffic_class = 0x02};
    Ipv4 outer = from_partner(inner.bytes());
    outer.traffic_class = 0x03;
    rig.receive(wan, frame(wan_mac, gateway_mac, outer));
    inner.ttl = 63;
    inner.traffic_class = 0x03;
    const auto sent = rig.sent(lan);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == frame(host_mac, lan_mac, inner));
}

TEST_CASE("GRE that is not exactly our tunnel's is dropped by name and never punted") {
    const Bytes good = Ipv4{.source = "203.0.113.9", .destination = "198.51.100.7"}.bytes();
    const auto outer = [&](auto change) {
        Ipv4 packet = from_partner(good);
        change(packet);
        return packet;
    };
    const auto inner = [](const Ipv4& packet) { return from_partner(packet.bytes()); };
    struct Case {
        const char* what;
        Ipv4 packet;
        Drop reason;
    };
    const std::vector<Case> cases{
        {"from a stranger", outer([](Ipv4& p) { p.source = "192.0.2.67"; }),
         Drop::gre_unknown_tunnel},
        {"wrong key", outer([&](Ipv4& p) { p.payload = gre(0x2000, 0x0800, 8, good); }),
         Drop::gre_unknown_tunnel},
        {"no key", outer([&](Ipv4& p) { p.payload = gre(0, 0x0800, std::nullopt, good); }),
         Drop::gre_unknown_tunnel},
        {"version 1", outer([&](Ipv4& p) { p.payload = gre(0x2001, 0x0800, 7, good); }),
         Drop::gre_bad_version},
        {"routing bit", outer([&](Ipv4& p) { p.payload = gre(0x6000, 0x0800, 7, good); }),
         Drop::gre_routing},
        {"a checksum",
         outer([&](Ipv4& p) { p.payload = gre(0xa000, 0x0800, 0, gre(0, 7, std::nullopt, good)); }),
         Drop::gre_checksum},
        {"Ethernet inside", outer([&](Ipv4& p) { p.payload = gre(0x2000, 0x6558, 7, good); }),
         Drop::gre_protocol},
        {"a fragment", outer([](Ipv4& p) { p.fragment = 0x2000; }), Drop::gre_fragment},
        {"a later fragment", outer([](Ipv4& p) { p.fragment = 0x0010; }), Drop::gre_fragment},
        {"no room for GRE", outer([](Ipv4& p) { p.payload = Bytes(3, 0); }), Drop::truncated},
        {"nothing inside", outer([&](Ipv4& p) { p.payload = gre(0x2000, 0x0800, 7, {}); }),
         Drop::truncated},
        {"nested", inner(from_partner(good)), Drop::gre_nested},
        {"a keepalive",
         inner(Ipv4{.source = "192.0.2.66",
                    .destination = "192.0.2.65",
                    .protocol = 47,
                    .payload = gre(0, 0, std::nullopt, {})}),
         Drop::gre_keepalive},
        {"not ours inside", inner(Ipv4{.destination = "203.0.113.7"}), Drop::inner_not_ours},
        {"martian inside", inner(Ipv4{.source = "127.0.0.1"}), Drop::martian_source},
        {"cut inside", inner(Ipv4{.total_length = 200}), Drop::bad_total_length},
        {"GRE to another address of ours inside",
         inner(Ipv4{.destination = "192.0.2.66", .protocol = 47}), Drop::gre_nested},
    };
    for (const Case& one : cases) {
        CAPTURE(std::string(one.what));
        Rig rig;
        rig.receive(wan, frame(wan_mac, gateway_mac, one.packet));
        CHECK(rig.drops(one.reason) == 1);
        CHECK(rig.drops() == 1);
        CHECK(rig.sent(lan).empty());
        CHECK(rig.bulk_punts().empty());
        CHECK(rig.first_class_punts().empty());
    }
}

TEST_CASE("GRE between others passes like any packet") {
    Rig rig;
    rig.receive(wan, frame(wan_mac, gateway_mac,
                           Ipv4{.destination = "198.51.100.7",
                                .protocol = 47,
                                .payload = gre(0, 0x0800, std::nullopt, Ipv4{}.bytes())}));
    CHECK(rig.sent(lan).size() == 1);
}

TEST_CASE("a customer's own tunnel passes inside ours") {
    Rig rig;
    const Ipv4 inner{.destination = "198.51.100.7", .protocol = 47, .payload = Bytes(20)};
    rig.receive(wan, frame(wan_mac, gateway_mac, from_partner(inner.bytes())));
    CHECK(rig.sent(lan).size() == 1);
}

TEST_CASE("a tunnel whose twin is down lets nothing in") {
    Rig rig;
    rig.state.tunnels[0].is_up = false;
    rig.receive(wan, frame(wan_mac, gateway_mac,
                           from_partner(Ipv4{.destination = "198.51.100.7"}.bytes())));
    CHECK(rig.drops(Drop::port_down) == 1);
    CHECK(rig.sent(lan).empty());
}

}  // namespace
}  // namespace detour::node::test
