// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/mtu.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;

TEST_CASE("the tunnel's MTU is the underlay's less the outer headers") {
    CHECK(gre_overhead(std::nullopt) == 24);
    CHECK(gre_overhead(7) == 28);
    CHECK(tunnel_mtu(1500, std::nullopt) == 1476);
    CHECK(tunnel_mtu(1500, 7) == 1472);
    CHECK(tunnel_mtu(9000, 7) == 8972);
    CHECK(tunnel_mtu(65535, std::nullopt) == 65511);
}

TEST_CASE("an underlay too small for the outer headers carries nothing") {
    CHECK(tunnel_mtu(25, std::nullopt) == 1);
    CHECK(tunnel_mtu(24, std::nullopt) == 0);
    CHECK(tunnel_mtu(0, 7) == 0);
}

TEST_CASE("the overhead is what the template adds") {
    for (const std::optional<std::uint32_t> key : {std::optional<std::uint32_t>{}, {7U}}) {
        const auto built = build_gre_template({.local = *detour::Address::parse("192.0.2.66"),
                                               .remote = *detour::Address::parse("192.0.2.65"),
                                               .key = key});
        CHECK(built.size == gre_overhead(key));
    }
}
