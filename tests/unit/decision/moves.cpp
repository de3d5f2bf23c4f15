// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Moves and returns: the order of their steps, that each waits for its fact, and that a block is
// never announced nowhere, also when detourd is killed at any of them.
#include <doctest/doctest.h>

#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using detour::Duration;
using detour::decision::FailBack;
using detour::decision::Mode;
using detour::decision::MoveStep;
using detour::decision::Verdict;
using world::World;
using Steps = std::vector<MoveStep>;

namespace {

world::Configuration fast(std::uint64_t seed = 1) {
    world::Configuration configuration;
    configuration.seed = seed;
    return configuration;
}

bool is_home_only(const World& box, unsigned set) {
    return box.is_announced(0, set) && !box.is_announced(1, set) && box.egress(set) == 0;
}

bool is_away_only(const World& box, unsigned set) {
    return !box.is_announced(0, set) && box.is_announced(1, set) && box.egress(set) == 1;
}

}  // namespace

TEST_CASE("a null-routed set escapes step by step, and the other set stays") {
    for (const unsigned preferred : {0U, 1U}) {
        World box(fast());
        box.prefer(preferred);
        box.settle();
        REQUIRE(is_home_only(box, 0));
        box.null_route(0, 0, World::Null::inside);
        box.run(10s);
        CHECK(is_away_only(box, 0));
        CHECK(is_home_only(box, 1));
        CHECK(box.steps(0) == Steps{MoveStep::forwarding, MoveStep::announce, MoveStep::gate,
                                    MoveStep::withdraw, MoveStep::life, MoveStep::complete,
                                    MoveStep::idle});
        CHECK(box.steps(1).empty());
        CHECK(box.announced_nowhere() == 0);
        CHECK(box.lost_packets(0) < 1000);
        CHECK(box.lost_packets(1) == 0);
        CHECK(box.pages().empty());
    }
}
