// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Another configuration in a brain at work: what it knows and what it is doing goes on.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using detour::Renumbering;
using detour::decision::MoveStep;
using detour::decision::Verdict;
using world::World;

namespace {

void change_thresholds(detour::decision::Options& decision, detour::probe::Options&) {
    decision.thresholds.complete += 1s;
}

// Detectors count by target: with one less everything that is counted by position is built anew.
void drop_a_target(detour::decision::Options& decision, detour::probe::Options& probe) {
    decision.targets.pop_back();
    probe.targets.pop_back();
}

std::size_t announcement_changes(const World& box) {
    return static_cast<std::size_t>(std::ranges::count_if(box.events(), [](const auto& event) {
        return std::holds_alternative<detour::decision::MoveStepped>(event.action.deed);
    }));
}

}  // namespace

TEST_CASE("a healthy box stays as it is, whatever is reconfigured") {
    World box({});
    box.settle();
    const auto steps = announcement_changes(box);
    box.reconfigure(change_thresholds, box.same_ids(6));
    box.run(2s);
    box.reconfigure(drop_a_target, box.same_ids(5));
    CHECK(box.verdict(0, 0) == Verdict::healthy);  // at once: no grace, no relearning
    box.run(5s);
    CHECK(box.verdict(0, 0) == Verdict::healthy);
    CHECK(box.is_announced(0, 0));
    CHECK(!box.is_announced(1, 0));
    CHECK(box.egress(0) == 0);
    CHECK(announcement_changes(box) == steps);
    CHECK(box.announced_nowhere() == 0);
    CHECK(box.lost_packets(0) == 0);
}

TEST_CASE("thresholds that change while a null route is being recognised do not delay it") {
    const auto time_to_move = [](bool is_reconfigured) {
        World box({});
        box.settle();
        const auto begin = box.now();
        box.null_route(0, 0, World::Null::inside);
        box.run(150ms);
        if (is_reconfigured)
            box.reconfigure(change_thresholds, box.same_ids(6));
        REQUIRE(box.run_until([&] { return box.is_only_on(1, 0); }, 20s));
        return box.now() - begin;
    };
    CHECK(time_to_move(true) <= time_to_move(false) + 50ms);
}

TEST_CASE("a box whose targets were just changed recognises a null route as before") {
    World box({});
    box.settle();
    box.reconfigure(drop_a_target, box.same_ids(5));
    box.run(2s);
    box.null_route(0, 0, World::Null::inside);
    CHECK(box.run_until([&] { return box.is_only_on(1, 0); }, 10s));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("reconfigured at any step of a move, it is carried to its end and never nowhere") {
    // Gate and withdrawal are passed within one event: fast has no gate.
    for (const auto step :
         {MoveStep::forwarding, MoveStep::announce, MoveStep::life, MoveStep::complete}) {
        CAPTURE(to_string(step));
        World box({});
        box.settle();
        box.null_route(0, 0, World::Null::inside);
        REQUIRE(box.run_until([&] { return !box.steps(0).empty() && box.steps(0).back() == step; },
                              10s));
        box.reconfigure(drop_a_target, box.same_ids(5));
        CHECK(box.run_until(
            [&] { return box.is_only_on(1, 0) && box.steps(0).back() == MoveStep::idle; }, 20s));
        CHECK(box.announced_nowhere() == 0);
        CHECK(box.egress(1) == 0);
    }
}

TEST_CASE("a set that is away stays away when uplinks and sets change their places") {
    World box({});
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    REQUIRE(box.run_until([&] { return box.is_only_on(1, 0); }, 20s));
    box.run(10s);
    // Only the numbers of sets are exchanged: set 0 is called 1 from here on, and the reverse.
    Renumbering ids = box.same_ids(6);
    std::swap(ids.sets[0], ids.sets[1]);
    const auto before = box.decider().views(box.now());
    const auto actions = box.decider().reconfigure(
        box.now(), detour::decision::CauseId(1'000'000),
        [&] {
            detour::decision::Options options = box.options();
            std::swap(options.sets[0].name, options.sets[1].name);
            std::swap(options.sets[0].beacons, options.sets[1].beacons);
            return options;
        }(),
        ids);
    const auto after = box.decider().views(box.now());
    const auto place = [](const detour::decision::Views& views, unsigned set) {
        const auto block = std::ranges::find_if(
            views.blocks, [&](const auto& each) { return each.block.set == World::set(set); });
        REQUIRE(block != views.blocks.end());
        return block->egress;
    };
    CHECK(place(before, 0) == World::uplink(1));
    CHECK(place(after, 1) == World::uplink(1));
    CHECK(place(after, 0) == World::uplink(0));
    CHECK(!actions.empty());
}

TEST_CASE("a block whose uplink is gone comes home") {
    World box({});
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    REQUIRE(box.run_until([&] { return box.is_only_on(1, 0); }, 20s));
    Renumbering ids = box.same_ids(6);
    ids.uplinks[1].reset();
    detour::decision::Options options = box.options();
    options.uplinks.pop_back();
    (void)box.decider().reconfigure(box.now(), detour::decision::CauseId(1'000'000), options, ids);
    for (const auto& block : box.decider().views(box.now()).blocks) {
        CHECK(block.egress == World::uplink(0));
        REQUIRE(block.announced.size() == 1);
        CHECK(block.announced.front().uplink == World::uplink(0));
    }
}
