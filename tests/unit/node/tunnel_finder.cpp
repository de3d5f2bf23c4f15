// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/tunnel_finder.h"

#include <doctest/doctest.h>

#include <vector>

#include "dataplane/packet/big_endian.h"

namespace detour::node {
namespace {

Address at(const char* text) {
    return *Address::parse(text);
}

std::uint32_t lying(const char* text) {
    return packet::network_order(at(text).word());
}

std::optional<std::uint16_t> found(const TunnelFinder& finder, const char* source,
                                   const char* destination, std::optional<std::uint32_t> key) {
    const auto tunnel = finder.find(lying(source), lying(destination), key);
    return tunnel ? std::optional(tunnel->tunnel.value) : std::nullopt;
}

TEST_CASE("tunnels between the same ends are told apart by key, and no key is not key zero") {
    const std::vector<TunnelEnds> ends{
        {at("192.0.2.66"), at("192.0.2.65"), std::nullopt},
        {at("192.0.2.66"), at("192.0.2.65"), 0},
        {at("192.0.2.66"), at("192.0.2.65"), 7},
        {at("192.0.2.66"), at("192.0.2.69"), 7},
    };
    const TunnelFinder finder(ends);
    CHECK(found(finder, "192.0.2.65", "192.0.2.66", std::nullopt) == 0);
    CHECK(found(finder, "192.0.2.65", "192.0.2.66", 0) == 1);
    CHECK(found(finder, "192.0.2.65", "192.0.2.66", 7) == 2);
    CHECK(found(finder, "192.0.2.69", "192.0.2.66", 7) == 3);
    CHECK(found(finder, "192.0.2.65", "192.0.2.66", 8) == std::nullopt);
    CHECK(found(finder, "192.0.2.69", "192.0.2.66", std::nullopt) == std::nullopt);
    CHECK(found(finder, "192.0.2.66", "192.0.2.65", 7) == std::nullopt);
}

TEST_CASE("only the local addresses of tunnels are ends of ours") {
    const std::vector<TunnelEnds> ends{{at("192.0.2.66"), at("192.0.2.65"), 7}};
    const TunnelFinder finder(ends);
    CHECK(finder.is_local_end(lying("192.0.2.66")));
    CHECK_FALSE(finder.is_local_end(lying("192.0.2.65")));
    CHECK_FALSE(TunnelFinder({}).is_local_end(lying("192.0.2.66")));
}

TEST_CASE("a thousand tunnels on one address are all found") {
    std::vector<TunnelEnds> ends;
    for (std::uint32_t i = 0; i < 1000; ++i)
        ends.push_back({at("192.0.2.66"), Address::ipv4(0xc6336400 + i % 250), i});
    const TunnelFinder finder(ends);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        const auto tunnel =
            finder.find(packet::network_order(0xc6336400 + i % 250), lying("192.0.2.66"), i);
        REQUIRE(tunnel);
        CHECK(tunnel->tunnel.value == i);
    }
}

}  // namespace

TEST_CASE(
    "tunnels that stay go on counting when others come, go or change, and the new begin at 0") {
    const TunnelEnds one{at("192.0.2.66"), at("192.0.2.65"), 7};
    const TunnelEnds two{at("192.0.2.66"), at("192.0.2.65"), 8};
    const TunnelEnds three{at("2001:db8:1::2"), at("2001:db8:1::1"), {}};
    const std::vector<TunnelEnds> old_ends{one, two, three};
    const TunnelFinder old(old_ends);
    for (std::uint16_t i = 0; i < 3; ++i)
        for (unsigned packets = 0; packets < 10U + i; ++packets)
            (void)old.sequence(fib::TunnelIndex(i)).next();
    REQUIRE(old.sequence(fib::TunnelIndex(2)).accept(100));

    TunnelEnds changed = two;
    changed.key = 9;
    const std::vector<TunnelEnds> new_ends{three, changed, one};
    TunnelFinder now(new_ends);
    now.resume(old);
    CHECK(now.sequence(fib::TunnelIndex(0)).next() == 12);
    CHECK_FALSE(now.sequence(fib::TunnelIndex(0)).accept(100));
    CHECK(now.sequence(fib::TunnelIndex(1)).next() == 0);
    CHECK(now.sequence(fib::TunnelIndex(2)).next() == 10);
}

}  // namespace detour::node
