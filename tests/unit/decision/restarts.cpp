// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Killed and started again, with sessions that end with the process and take their time to come
// back (detection.md section 6): the placement is resumed, a move goes on, and what it waits for is
// counted from the moment at which it can happen at all.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using namespace detour::decision;
using detour::Duration;
using world::World;

namespace {

// Longer than first life of profile fast (2 s), each in its turn.
const std::vector<Duration> provider_first{1s, 4s};
const std::vector<Duration> partner_first{4s, 1s};
const std::vector<Duration> never_partner{1s};

world::Configuration fast(std::uint64_t seed) {
    world::Configuration configuration;
    configuration.seed = seed;
    configuration.sets = 2;
    return configuration;
}

// Runs until the move is about to take this step: killed between the step before and this one.
void run_until_step(World& box, MoveStep step) {
    bool is_there = false;
    box.on_action = [&](const world::Event& event) {
        const auto* stepped = std::get_if<MoveStepped>(&event.action.deed);
        is_there |= stepped && stepped->block.set == World::set(0) && stepped->step == step;
    };
    REQUIRE(box.run_until([&] { return is_there; }, 60s));
    box.on_action = {};
}

bool was_said(const World& box, std::string_view rule) {
    const auto pages = box.pages();
    return std::ranges::find(pages, rule) != pages.end();
}

}  // namespace

TEST_CASE("killed at any step of an escape, whichever session is back first, it ends away alone") {
    for (const unsigned preferred : {0U, 1U})
        for (const auto& sessions : {provider_first, partner_first})
            for (const auto step : {MoveStep::forwarding, MoveStep::announce, MoveStep::gate,
                                    MoveStep::withdraw, MoveStep::life, MoveStep::complete}) {
                CAPTURE(preferred);
                CAPTURE(sessions.front().count());
                CAPTURE(to_string(step));
                World box(fast(21));
                box.prefer(preferred);
                box.settle();
                box.null_route(0, 0, World::Null::inside);
                run_until_step(box, step);
                box.restart(1s, sessions);
                CHECK(box.run_until([&] { return box.is_only_on(1, 0); }, 15s));
                box.run(60s);
                CHECK(box.is_only_on(1, 0));
                CHECK(box.is_only_on(0, 1));
                CHECK_FALSE(was_said(box, "first life"));
            }
}

TEST_CASE("a move whose null route was lifted while detourd was away is given back") {
    World box(fast(22));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    run_until_step(box, MoveStep::announce);
    box.null_route(0, 0, World::Null::none);
    box.restart(1s, provider_first);
    box.run(30s);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("when the new uplink does not come back, home is announced as well, until it does") {
    World box(fast(23));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    run_until_step(box, MoveStep::life);
    box.restart(1s, never_partner);
    // Not meanwhile: the placement is resumed first.
    box.run(1900ms);
    CHECK_FALSE(box.is_announced(0, 0));
    box.run(1s);
    CHECK(box.is_announced(0, 0));
    CHECK(was_said(box, "never announced nowhere"));
    box.run(30s);
    CHECK(box.is_announced(0, 0));
    box.session(1, World::State::up);
    box.run(10s);
    CHECK(box.is_only_on(1, 0));
    CHECK(box.is_only_on(0, 1));
}

TEST_CASE(
    "an uplink that fell after the move is covered by home, and carries again when it is up") {
    World box(fast(24));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    REQUIRE(box.is_only_on(1, 0));
    box.session(1, World::State::down);
    CHECK(box.is_announced(0, 0));
    CHECK(box.egress(0) == 0);
    box.run(20s);
    CHECK(box.is_announced(0, 0));
    box.session(1, World::State::up);
    box.run(10s);
    CHECK(box.is_only_on(1, 0));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("home that covers for a dead uplink and answers well carries the block again") {
    World box(fast(25));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    REQUIRE(box.is_only_on(1, 0));
    box.session(1, World::State::down);
    box.null_route(0, 0, World::Null::none);
    box.run(30s);
    CHECK(box.is_only_on(0, 0));
    const auto views = box.decider().views(box.now());
    CHECK(views.blocks.front().egress == World::uplink(0));
    CHECK(box.verdict(0, 0) == Verdict::healthy);
    box.session(1, World::State::up);
    box.run(20s);
    CHECK(box.is_only_on(0, 0));
}

// Section 6 brings back the placement, S latches, E results and baselines; section 2 wants 30 good
// pairs since the start before anything is NULLROUTED. So a block that is dead when detourd starts
// is UNSEEN until it answers once: nothing moves by itself, an operator may.
TEST_CASE("started into a null route on a block that had not moved, it is UNSEEN and stays") {
    auto configuration = fast(26);
    configuration.mode = Mode::advise;
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    REQUIRE(box.verdict(0, 0) == Verdict::nullrouted);
    box.restart(1s, provider_first);
    box.tell(OperatorMode{Mode::automatic});
    box.run(60s);
    CHECK(box.verdict(0, 0) == Verdict::unseen);
    CHECK(box.verdict(0, 1) == Verdict::healthy);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.change(0, 0)->why.missing == "too few targets whose last reply came this way");
    // What it knew of the block is still known: it was proven within 24 h.
    CHECK(box.verdict(0, 0) != Verdict::never_proven);
    // It answered once more, and was null-routed again.
    box.null_route(0, 0, World::Null::none);
    box.run(20s);
    CHECK(box.verdict(0, 0) == Verdict::healthy);
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    CHECK(box.is_only_on(1, 0));
}

TEST_CASE("baselines, E results and latches on the disk are at most a minute old") {
    World box(fast(27));
    box.settle();
    box.run(5min);
    box.restart(1s, {Duration(1h), Duration(1h)});
    const auto state = box.decider().snapshot(box.now());
    REQUIRE(state.watches.size() == 4);
    for (const auto& watch : state.watches) {
        if (watch.uplink == World::uplink(0)) {
            CHECK(watch.beacon_good_age.value_or(1h) < 70s);
            CHECK(watch.packets_per_second == doctest::Approx(1000).epsilon(0.1));
        } else {
            CHECK(watch.egress_good_age.value_or(1h) < 70s);
        }
    }
}

TEST_CASE("the latch of a null route that was only advised outlives a kill") {
    auto configuration = fast(28);
    configuration.mode = Mode::advise;
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(15s);
    REQUIRE(box.change(0, 0)->place == Place::inside);
    box.restart(1s, provider_first);
    const auto state = box.decider().snapshot(box.now());
    for (const auto& watch : state.watches)
        CHECK(watch.has_sentinel_latch ==
              (watch.uplink == World::uplink(0) && watch.block.set == World::set(0)));
}

TEST_CASE("life is waited for from the withdrawal on, however long the gate was") {
    for (const bool is_killed : {false, true}) {
        CAPTURE(is_killed);
        auto configuration = fast(29);
        configuration.adjust = [](Thresholds& limits) { limits.gate = 2 * limits.first_life; };
        World box(configuration);
        box.settle();
        box.null_route(0, 0, World::Null::inside);
        run_until_step(box, MoveStep::gate);
        if (is_killed)
            box.restart(1s, provider_first);
        box.run(30s);
        CHECK(box.is_only_on(1, 0));
        CHECK_FALSE(was_said(box, "first life"));
    }
}
