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

}  // namespace

TEST_CASE("a null-routed set escapes step by step, and the other set stays") {
    for (const unsigned preferred : {0U, 1U}) {
        World box(fast());
        box.prefer(preferred);
        box.settle();
        REQUIRE(box.is_only_on(0, 0));
        box.null_route(0, 0, World::Null::inside);
        box.run(10s);
        CHECK(box.is_only_on(1, 0));
        CHECK(box.is_only_on(0, 1));
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

TEST_CASE("after the null route is lifted the set comes home by canary and stair") {
    for (const unsigned preferred : {0U, 1U}) {
        auto configuration = fast(3);
        configuration.fail_back = FailBack::automatic;
        World box(configuration);
        box.prefer(preferred);
        box.settle();
        box.null_route(0, 0, World::Null::inside);
        box.run(20s);
        REQUIRE(box.is_only_on(1, 0));
        const auto lost = box.lost_packets(0);
        box.null_route(0, 0, World::Null::none);
        CHECK(box.run_until([&] { return box.is_only_on(0, 0); }, 120s));
        box.run(5s);
        const Steps home{MoveStep::forwarding, MoveStep::canary, MoveStep::canary, MoveStep::stair,
                         MoveStep::stair,      MoveStep::stair,  MoveStep::stair,  MoveStep::idle};
        auto steps = box.steps(0);
        REQUIRE(steps.size() == 7 + home.size());
        CHECK(Steps(steps.begin() + 7, steps.end()) == home);
        CHECK(box.lost_packets(0) == lost);
        CHECK(box.announced_nowhere() == 0);
        CHECK(box.pages().empty());
        CHECK(box.is_only_on(0, 1));
    }
}

TEST_CASE("fail-back is manual by default, and a word starts it") {
    World box(fast(4));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    box.null_route(0, 0, World::Null::none);
    box.run(60s);
    CHECK(box.is_only_on(1, 0));
    box.tell(detour::decision::OperatorFailback{World::set(0)});
    CHECK(box.run_until([&] { return box.is_only_on(0, 0); }, 30s));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("a word before the null route is lifted waits, and the canary is not tried") {
    World box(fast(5));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    box.tell(detour::decision::OperatorFailback{World::set(0)});
    box.run(30s);
    CHECK(box.is_only_on(1, 0));
    CHECK(box.holds(0).back() == "S and C at home were not good for the stable time");
    box.null_route(0, 0, World::Null::none);
    CHECK(box.run_until([&] { return box.is_only_on(0, 0); }, 60s));
}

TEST_CASE("a null route beyond the provider needs no canary, and a return into it is given up") {
    auto configuration = fast(6);
    configuration.fail_back = FailBack::automatic;
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::beyond);
    box.run(9s);
    REQUIRE(box.is_only_on(1, 0));
    const auto lost = box.lost_packets(0);
    box.run(60s);
    CHECK(box.is_only_on(1, 0));
    CHECK(box.announced_nowhere() == 0);
    for (const auto step : box.steps(0))
        CHECK(step != MoveStep::canary);
    // It climbed, found the block dead at home, and went back: the traffic of a few seconds.
    CHECK(box.lost_packets(0) - lost < 5000);
    box.run(60min);
    // The first return failed at once; the second waits an hour.
    unsigned climbs = 0;
    for (const auto& event : box.events())
        if (const auto* stepped = std::get_if<detour::decision::MoveStepped>(&event.action.deed))
            climbs += stepped->why.rule == "return aborted" ? 1 : 0;
    CHECK(climbs <= 2);
}

TEST_CASE("a canary whose NO_EXPORT is not honoured fails, is remembered and never repeated") {
    auto configuration = fast(7);
    World box(configuration);
    box.settle();
    box.honour_no_export(World::Honour::no);
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    box.null_route(0, 0, World::Null::none);
    box.run(10s);
    box.tell(detour::decision::OperatorFailback{World::set(0)});
    box.run(20s);
    CHECK(box.is_only_on(1, 0));
    box.tell(detour::decision::OperatorFailback{World::set(0)});
    box.run(30s);
    CHECK(box.is_only_on(1, 0));
    CHECK(box.holds(0).back() == "NO_EXPORT is not honoured there: no canary is possible");
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("in advise mode nothing moves, and it is said once") {
    auto configuration = fast(8);
    configuration.mode = Mode::advise;
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(30s);
    CHECK(box.verdict(0, 0) == Verdict::nullrouted);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.steps(0).empty());
    CHECK(box.holds(0) == std::vector<std::string>{"mode is advise"});
    box.tell(detour::decision::OperatorMode{Mode::automatic});
    box.run(5s);
    CHECK(box.is_only_on(1, 0));
}

TEST_CASE("a partner that is dead when the null route comes is not moved to, and it is said") {
    World box(fast(9));
    box.settle();
    box.path(1, World::State::down);
    box.run(5s);
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    CHECK(box.verdict(0, 0) == Verdict::nullrouted);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.holds(0) == std::vector<std::string>{"T was not good within the armed age"});
}

TEST_CASE("when the new uplink's session falls before first life, the old one announces again") {
    World box(fast(10));
    box.settle();
    bool has_fallen = false;
    box.on_action = [&](const world::Event& event) {
        const auto* stepped = std::get_if<detour::decision::MoveStepped>(&event.action.deed);
        if (stepped && stepped->step == MoveStep::life && !has_fallen) {
            has_fallen = true;
            box.on_action = {};
        }
    };
    box.null_route(0, 0, World::Null::inside);
    REQUIRE(box.run_until([&] { return has_fallen; }, 5s));
    box.session(1, World::State::down);
    CHECK(box.is_announced(0, 0));
    CHECK(box.egress(0) == 0);
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("without life on the new uplink the old one announces as well, and the next is tried") {
    auto configuration = fast(11);
    configuration.uplinks = 3;
    World box(configuration);
    box.settle();
    // The partner's world hears the announcement, but packets to the block vanish there as well.
    box.null_route(1, 0, World::Null::beyond);
    box.null_route(0, 0, World::Null::inside);
    CHECK(box.run_until([&] { return box.egress(0) == 2 && box.is_announced(2, 0); }, 30s));
    box.run(10s);
    CHECK(box.announced_nowhere() == 0);
    CHECK(box.pages().front() == "first life");
    CHECK(box.egress(0) == 2);
}

TEST_CASE("a neighbour that a blink of its link has cost the session counts for no withdrawal") {
    auto configuration = fast(19);
    configuration.fail_back = FailBack::automatic;
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    REQUIRE(box.is_only_on(1, 0));
    box.null_route(0, 0, World::Null::none);
    REQUIRE(box.run_until([&] { return box.steps(0).back() == MoveStep::stair; }, 60s));
    box.link(1, World::State::down);
    box.run(100ms);
    box.forsake(1);
    box.link(1, World::State::up);
    box.run(5s);
    CHECK(box.is_announced(0, 0));
    CHECK(box.announced_nowhere() == 0);
    box.session(1, World::State::up);
    box.run(60s);
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("E that a filter of pings has silenced does not stand against an escape") {
    World box(fast(20));
    box.settle();
    box.filter(0, 0, World::Filter::beacons);
    box.run(3min);
    REQUIRE(box.verdict(0, 0) == Verdict::probe_filtered);
    box.link(0, World::State::down);
    box.run(1s);
    CHECK(box.first(0, 0, Verdict::uplink_dead, {}));
    for (const unsigned set : {0U, 1U})
        CHECK(box.is_announced(1, set));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("the way by which a half-alive block still answers is kept when its time is over") {
    World box(fast(21));
    box.settle();
    // No life on the partner: announced on both, and the partner stays for ten minutes.
    box.null_route(1, 0, World::Null::beyond);
    box.null_route(0, 0, World::Null::inside);
    REQUIRE(box.run_until([&] { return !box.pages().empty(); }, 30s));
    box.null_route(0, 0, World::Null::none);
    box.run(10s);
    box.null_route(1, 0, World::Null::none);
    box.prefer(1, {1, 2, 4, 5});
    box.run(1min);
    REQUIRE(box.egress(0) == 0);
    box.null_route(0, 0, World::Null::inside);
    box.run(12min);
    CHECK(box.verdict(0, 0) == Verdict::partial);
    CHECK(box.is_announced(1, 0));
    box.null_route(0, 0, World::Null::none);
    box.run(1min);
    CHECK(box.is_only_on(0, 0));
}

TEST_CASE("the link goes down: every set moves, faster than any probe") {
    World box(fast(12));
    box.settle();
    box.link(0, World::State::down);
    box.run(1s);
    CHECK(box.first(0, 0, Verdict::uplink_dead, {}));
    for (const unsigned set : {0U, 1U}) {
        CHECK(box.is_announced(1, set));
        CHECK(box.egress(set) == 1);
        CHECK(box.lost_packets(set) < 200);
    }
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("the session falls with the link up: announced by the partner at once") {
    World box(fast(13));
    box.settle();
    box.session(0, World::State::down);
    box.run(1s);
    CHECK(box.verdict(0, 0) != Verdict::healthy);
    for (const unsigned set : {0U, 1U})
        CHECK(box.is_announced(1, set));
    box.session(0, World::State::up);
    box.run(5s);
    // It was placed on the partner: home is not announced again by itself.
    for (const unsigned set : {0U, 1U})
        CHECK(box.is_only_on(1, set));
}

TEST_CASE(
    "an uplink that is too small is not escaped to, unless nothing else announces the block") {
    World box(fast(16));
    box.settle();
    box.reconfigure(
        [](detour::decision::Options& options, detour::probe::Options&) {
            options.uplinks[1].limit = detour::BitRate{1000};
        },
        box.same_ids(6));
    box.run(5s);
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    CHECK(box.verdict(0, 0) == Verdict::nullrouted);
    CHECK_FALSE(box.is_announced(1, 0));
    CHECK(box.holds(0) == std::vector<std::string>{"its capacity is below p95 + 30 %"});
    box.session(0, World::State::down);
    box.run(2s);
    for (const unsigned set : {0U, 1U})
        CHECK(box.is_announced(1, set));
    CHECK(std::ranges::count(box.pages(), "never announced nowhere") == 2);
}

TEST_CASE("a planned move overlaps, shuts down gracefully and loses nothing") {
    World box(fast(14));
    box.settle();
    box.tell(detour::decision::OperatorMove{World::set(0), World::uplink(1)});
    CHECK(box.run_until([&] { return box.is_only_on(1, 0); }, 60s));
    box.run(10s);
    CHECK(box.steps(0) == Steps{MoveStep::forwarding, MoveStep::announce, MoveStep::overlap,
                                MoveStep::shutdown, MoveStep::withdraw, MoveStep::life,
                                MoveStep::complete, MoveStep::idle});
    CHECK(box.lost_packets(0) == 0);
    CHECK(box.announced_nowhere() == 0);
    CHECK(box.is_only_on(0, 1));
}

TEST_CASE("a planned move whose traffic vanishes is aborted by conservation") {
    World box(fast(15));
    box.settle();
    // Half the world would be lost on the partner: it prefers it as soon as it is announced.
    box.prefer(1);
    box.null_route(1, 0, World::Null::beyond);
    box.tell(detour::decision::OperatorMove{World::set(0), World::uplink(1)});
    box.run(20s);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.lost_packets(0) < 6000);
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("frozen, nothing moves by itself") {
    World box(fast(16));
    box.settle();
    box.tell(detour::decision::OperatorFreeze{});
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    CHECK(box.is_only_on(0, 0));
    CHECK(box.holds(0) == std::vector<std::string>{"frozen"});
}

TEST_CASE("killed after any action of a move or a return, the block is never announced nowhere") {
    // First the number of actions of a whole story, then one story for each place to die.
    const auto story = [](std::optional<std::size_t> deadly) {
        auto configuration = fast(17);
        configuration.sets = 1;
        configuration.fail_back = FailBack::automatic;
        World box(configuration);
        box.settle();
        std::size_t actions = 0;
        bool must_die = false;
        box.on_action = [&](const world::Event& event) {
            if (std::holds_alternative<detour::decision::SetForwarding>(event.action.deed) ||
                std::holds_alternative<detour::decision::SetAnnouncement>(event.action.deed) ||
                std::holds_alternative<detour::decision::MoveStepped>(event.action.deed))
                must_die |= deadly && actions++ == *deadly;
            else if (!deadly)
                ++actions;
        };
        const auto run = [&](Duration length) {
            const auto end = box.now() + length;
            while (box.now() < end) {
                box.run_until([&] { return must_die; }, end - box.now());
                if (must_die) {
                    must_die = false;
                    box.restart(100ms);
                }
            }
        };
        box.null_route(0, 0, World::Null::inside);
        run(20s);
        box.null_route(0, 0, World::Null::none);
        run(60s);
        CHECK(box.announced_nowhere() == 0);
        CHECK(box.is_only_on(0, 0));
    };
    for (std::size_t deadly = 0; deadly < 24; ++deadly) {
        CAPTURE(deadly);
        story(deadly);
    }
}
