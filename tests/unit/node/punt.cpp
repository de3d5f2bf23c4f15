// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

Bytes transport(std::uint16_t source, std::uint16_t destination) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.u16(source);
    writer.u16(destination);
    bytes.resize(20);
    return bytes;
}

TEST_CASE("a punt is the frame that came in, untouched, for the twin of its port") {
    Rig rig;
    struct Case {
        Bytes bytes;
        Punt reason;
    };
    const std::vector<Case> cases{
        {frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1", .padding = 9}), Punt::local},
        {frame(lan_mac, host_mac, Ipv4{.ttl = 1}), Punt::ttl_exceeded},
        {frame(lan_mac, host_mac, Ipv6{.destination = "2001:db8:3::9", .hop_limit = 1}),
         Punt::ttl_exceeded},
        {frame(lan_mac, host_mac, Ipv4{.source = "198.51.100.7", .ttl = 1}), Punt::ttl_exceeded},
        {frame(lan_mac, host_mac, Ipv4{.source = "10.9.0.1", .destination = "8.8.8.8"}),
         Punt::no_route},
        {frame(lan_mac, host_mac, Ipv4{.options = {1, 1, 1, 1}}), Punt::ip_options},
        {frame(lan_mac, host_mac, Ipv4{.destination = "224.0.0.18"}), Punt::broadcast},
        {frame({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, host_mac, 0x88cc, Bytes(10)), Punt::broadcast},
        {frame(lan_mac, host_mac, Ipv6{.source = "fe80::1", .destination = "fe80::2"}),
         Punt::link_local},
    };
    for (const Case& one : cases) {
        CAPTURE(std::string(to_string(one.reason)));
        const std::uint64_t before = rig.punts(one.reason);
        rig.receive(lan, one.bytes);
        CHECK(rig.punts(one.reason) == before + 1);
        const auto punted = rig.bulk_punts();
        REQUIRE(punted.size() == 1);
        CHECK(punted[0].origin == Origin(lan));
        CHECK(punted[0].bytes == one.bytes);
    }
    CHECK(rig.drops() == 0);
}

TEST_CASE("what came out of a tunnel goes into the tunnel's twin, without its outer headers") {
    Rig rig;
    const Ipv4 local{.source = "192.0.2.65", .destination = "192.0.2.66", .padding = 5};
    Ipv4 inner = local;
    inner.padding = 0;
    const Ipv4 old{.destination = "198.51.100.7", .ttl = 1};
    rig.receive(wan, frame(wan_mac, gateway_mac, from_partner(local.bytes())));
    rig.receive(wan, frame(wan_mac, gateway_mac, from_partner(old.bytes())));
    const auto punted = rig.bulk_punts();
    REQUIRE(punted.size() == 2);
    for (const Punted& one : punted)
        CHECK(one.origin == Origin(partner));
    CHECK(punted[0].bytes == inner.bytes());
    CHECK(punted[1].bytes == old.bytes());
}

TEST_CASE("sessions, neighbours and echoes have the first-class ring, other traffic the bulk") {
    const auto tcp = [](std::uint16_t source, std::uint16_t destination) {
        return Ipv4{
            .destination = "10.1.0.1", .protocol = 6, .payload = transport(source, destination)};
    };
    struct Case {
        const char* what;
        Bytes bytes;
        bool is_first_class;
    };
    const std::vector<Case> cases{
        {"ARP", frame({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, host_mac, 0x0806, Bytes(28)), true},
        {"BGP to us", frame(lan_mac, host_mac, tcp(40000, 179)), true},
        {"BGP answering us", frame(lan_mac, host_mac, tcp(179, 40000)), true},
        {"BFD",
         frame(lan_mac, host_mac,
               Ipv4{.destination = "10.1.0.1", .ttl = 255, .payload = transport(49152, 3784)}),
         true},
        {"echo to us", frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1", .protocol = 1}),
         true},
        {"SSH to us", frame(lan_mac, host_mac, tcp(40000, 22)), false},
        {"BGP passing by without a route",
         frame(lan_mac, host_mac,
               Ipv4{.source = "10.9.0.1",
                    .destination = "8.8.8.8",
                    .protocol = 6,
                    .payload = transport(1, 179)}),
         false},
    };
    for (const Case& one : cases) {
        CAPTURE(std::string(one.what));
        Rig rig;
        rig.receive(lan, one.bytes);
        CHECK(rig.first_class_punts().size() == (one.is_first_class ? 1 : 0));
        CHECK(rig.bulk_punts().size() == (one.is_first_class ? 0 : 1));
    }
}

TEST_CASE("neighbour discovery is first class, however it was addressed") {
    Rig rig;
    const Ipv6 solicitation{.source = "2001:db8:10::2",
                            .destination = "ff02::1:ff00:1",
                            .next_header = 58,
                            .hop_limit = 255,
                            .payload = Bytes(24, 135)};
    rig.receive(lan, frame({0x33, 0x33, 0xff, 0, 0, 1}, host_mac, solicitation));
    CHECK(rig.first_class_punts().size() == 1);
    CHECK(rig.punts(Punt::control) == 1);
}

TEST_CASE("a flood to our own address leaves BGP its way to the kernel") {
    Rig rig;
    const Bytes echo = frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1", .protocol = 1});
    for (int i = 0; i < 100; ++i) {
        rig.receive(lan, std::vector(vector_size, echo));
        static_cast<void>(rig.first_class_punts());
    }
    CHECK(rig.drops(Drop::punt_limit) == 100 * vector_size - rig.punts(Punt::local));
    rig.receive(
        lan,
        frame(lan_mac, host_mac,
              Ipv4{.destination = "10.1.0.1", .protocol = 6, .payload = transport(40000, 179)}));
    CHECK(rig.first_class_punts().size() == 1);
}

TEST_CASE("a flood to BGP's port by strangers leaves the configured neighbours their way") {
    Rig rig;
    const std::vector<Address> peers{*Address::parse("203.0.113.9"),
                                     *Address::parse("2001:db8:3::9")};
    rig.state.peers = fib::AddressSet(peers);
    const Bytes knock = transport(40000, 179);
    const auto from = [&knock](const char* source) {
        return frame(
            lan_mac, host_mac,
            Ipv4{.source = source, .destination = "10.1.0.1", .protocol = 6, .payload = knock});
    };
    for (int i = 0; i < 200; ++i) {
        rig.receive(lan, std::vector(vector_size, from("203.0.113.8")));
        static_cast<void>(rig.first_class_punts());
    }
    CHECK(rig.drops(Drop::punt_limit) > 0);
    rig.receive(lan, from("203.0.113.9"));
    rig.receive(lan, frame(lan_mac, host_mac,
                           Ipv6{.source = "2001:db8:3::9",
                                .destination = "2001:db8:10::1",
                                .next_header = 6,
                                .payload = knock}));
    CHECK(rig.first_class_punts().size() == 2);
}

TEST_CASE("a host that does not answer is asked for once a second, whatever is sent to it") {
    Rig rig;
    const Bytes bytes = frame(wan_mac, gateway_mac, Ipv4{.destination = "198.51.100.99"});
    const Bytes bytes6 = frame(wan_mac, gateway_mac, Ipv6{.destination = "2001:db8:77::99"});
    rig.receive(wan, std::vector(10, bytes));
    rig.receive(wan, std::vector(10, bytes6));
    CHECK(rig.bulk_punts().size() == 2);
    CHECK(rig.drops(Drop::unresolved) == 18);
    rig.now += 1'000'000'000;
    rig.receive(wan, bytes);
    CHECK(rig.bulk_punts().size() == 1);
}

TEST_CASE("what the kernel has no time for is dropped under the name of its fault") {
    Rig rig;
    const std::vector old(vector_size, frame(lan_mac, host_mac, Ipv4{.ttl = 1}));
    for (int i = 0; i < 10; ++i) {
        rig.receive(lan, old);
        static_cast<void>(rig.bulk_punts());
    }
    const std::uint64_t told = PuntLimiter::budget(PuntClass::error).burst;
    CHECK(rig.punts(Punt::ttl_exceeded) == told);
    CHECK(rig.drops(Drop::ttl_exceeded) == 10 * vector_size - told);
}

TEST_CASE("a full ring to the exchange is a drop, not a wait") {
    Rig rig;
    const std::vector local(vector_size, frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1"}));
    for (int i = 0; i < 33; ++i) {
        rig.receive(lan, local);
        rig.now += 1'000'000'000;
    }
    CHECK(rig.bulk_punts().size() == 1023);
    CHECK(rig.drops(Drop::punt_full) == 33 * vector_size - 1023);
}

TEST_CASE("GRE to an address of ours that ends no tunnel never reaches the kernel") {
    Rig rig;
    rig.receive(lan, frame(lan_mac, host_mac, Ipv4{.destination = "10.1.0.1", .protocol = 47}));
    CHECK(rig.drops(Drop::gre_unknown_tunnel) == 1);
    rig.receive(lan,
                frame(lan_mac, host_mac, Ipv6{.destination = "2001:db8:10::1", .next_header = 47}));
    CHECK(rig.drops(Drop::gre_unknown_tunnel) == 2);
}

}  // namespace
}  // namespace detour::node::test
