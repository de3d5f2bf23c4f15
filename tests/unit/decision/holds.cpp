// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What must not happen: verdicts out of loss, short gaps and slow replies; moves of many sets at
// once; a decider that wakes itself without end; a State that forgets.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using namespace detour::decision;
using detour::Duration;
using detour::Family;
using detour::Instant;
using detour::model::Profile;
using world::World;

namespace {

world::Configuration of(Profile profile, double loss, std::uint64_t seed) {
    world::Configuration configuration;
    configuration.profile = profile;
    configuration.loss = loss;
    configuration.seed = seed;
    configuration.rtt = profile == Profile::fast ? Duration(1ms) : Duration(20ms);
    return configuration;
}

constexpr std::array every_profile{Profile::careful, Profile::quick, Profile::fast};

bool moved(const World& box) {
    return !box.steps(0).empty() || !box.steps(1).empty();
}

}  // namespace

TEST_CASE("loss of 1 to 20 % never becomes a verdict that acts") {
    for (const auto profile : every_profile)
        for (const double loss : {0.01, 0.05, 0.1, 0.2}) {
            CAPTURE(static_cast<int>(profile));
            CAPTURE(loss);
            World box(of(profile, loss, 3));
            box.settle();
            box.run(1h);
            CHECK_FALSE(moved(box));
            for (const unsigned set : {0U, 1U})
                CHECK_FALSE(box.first(0, set, Verdict::nullrouted, {}));
            // A handful of wake-ups an hour: it lives by evidence.
            CHECK(box.wakeups() < 100);
        }
}

TEST_CASE("gaps of the block alone, shorter than T_min, are forgiven") {
    for (const auto profile : every_profile)
        for (const double loss : {0.01, 0.1}) {
            CAPTURE(static_cast<int>(profile));
            CAPTURE(loss);
            World box(of(profile, loss, 4));
            box.settle();
            const Duration gap = profile == Profile::fast ? Duration(200ms) : Duration(3s);
            for (int i = 0; i < 40; ++i) {
                box.run(20s + Duration(std::int64_t{37'000'000} * i));
                box.null_route(0, 0, i % 2 == 0 ? World::Null::inside : World::Null::beyond);
                box.run(gap);
                box.null_route(0, 0, World::Null::none);
            }
            box.run(10s);
            CHECK_FALSE(moved(box));
            CHECK_FALSE(box.first(0, 0, Verdict::nullrouted, {}));
        }
}

TEST_CASE("both families tell the same story") {
    for (const Family family : detour::families) {
        auto configuration = of(Profile::fast, 0.01, 5);
        configuration.family = family;
        configuration.fail_back = FailBack::automatic;
        World box(configuration);
        box.settle();
        box.null_route(0, 0, World::Null::inside);
        CHECK(box.run_until([&] { return box.egress(0) == 1 && !box.is_announced(0, 0); }, 2s));
        box.run(20s);
        box.null_route(0, 0, World::Null::none);
        CHECK(box.run_until([&] { return box.egress(0) == 0 && !box.is_announced(1, 0); }, 60s));
        CHECK(box.announced_nowhere() == 0);
    }
}

TEST_CASE("mass brake: with all sets null-routed the second moves when the first lives") {
    auto configuration = of(Profile::careful, 0.01, 6);
    World box(configuration);
    box.settle();
    std::array<std::optional<Instant>, 2> began;
    std::optional<Instant> life;
    box.on_action = [&](const world::Event& event) {
        const auto* stepped = std::get_if<MoveStepped>(&event.action.deed);
        if (!stepped)
            return;
        if (stepped->step == MoveStep::forwarding)
            began[stepped->block.set.value] = event.at;
        if (stepped->step == MoveStep::withdraw && !life)
            life = event.at;
    };
    box.null_route(0, 0, World::Null::inside);
    box.null_route(0, 1, World::Null::inside);
    box.run(60s);
    REQUIRE(began[0]);
    REQUIRE(began[1]);
    REQUIRE(life);
    CHECK(std::max(*began[0], *began[1]) >= *life);
    CHECK(box.egress(0) == 1);
    CHECK(box.egress(1) == 1);
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("a State survives its reader") {
    auto configuration = of(Profile::fast, 0.01, 7);
    World box(configuration);
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(30s);
    const auto before = box.decider().snapshot(box.now());
    box.restart(0s);
    const auto after = box.decider().snapshot(box.now());
    REQUIRE(before.blocks.size() == after.blocks.size());
    for (std::size_t i = 0; i < before.blocks.size(); ++i) {
        CHECK(before.blocks[i].egress == after.blocks[i].egress);
        CHECK(before.blocks[i].announced == after.blocks[i].announced);
        CHECK(before.blocks[i].placed_by == after.blocks[i].placed_by);
        CHECK(before.blocks[i].tried == after.blocks[i].tried);
        CHECK(before.blocks[i].escape_ages.size() == after.blocks[i].escape_ages.size());
    }
    for (std::size_t i = 0; i < before.watches.size(); ++i)
        CHECK(before.watches[i].has_sentinel_latch == after.watches[i].has_sentinel_latch);
    // The placement is resumed, and home is not announced meanwhile.
    box.run(10s);
    CHECK_FALSE(box.is_announced(0, 0));
    CHECK(box.is_announced(1, 0));
}

TEST_CASE("killed at any step of a planned move, it ends where it should") {
    for (std::size_t deadly = 0; deadly < 14; ++deadly) {
        CAPTURE(deadly);
        World box(of(Profile::fast, 0.01, 8));
        box.settle();
        std::size_t actions = 0;
        bool must_die = false;
        box.on_action = [&](const world::Event& event) {
            if (std::holds_alternative<SetAnnouncement>(event.action.deed) ||
                std::holds_alternative<MoveStepped>(event.action.deed))
                must_die |= actions++ == deadly;
        };
        box.tell(OperatorMove{World::set(0), World::uplink(1)});
        const auto end = box.now() + 60s;
        while (box.now() < end) {
            box.run_until([&] { return must_die; }, end - box.now());
            if (std::exchange(must_die, false))
                box.restart(100ms);
        }
        CHECK(box.egress(0) == 1);
        CHECK(box.is_announced(1, 0));
        CHECK_FALSE(box.is_announced(0, 0));
        CHECK(box.announced_nowhere() == 0);
    }
}

TEST_CASE("the uplink that carries everything after an escape dies too: home is announced again") {
    World box(of(Profile::fast, 0.01, 9));
    box.settle();
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    REQUIRE(box.egress(0) == 1);
    box.session(1, World::State::down);
    CHECK(box.is_announced(0, 0));
    CHECK(box.announced_nowhere() == 0);
}

TEST_CASE("views tell what holds a block and whether an uplink is armed") {
    World box(of(Profile::fast, 0.01, 10));
    CHECK(box.decider().views(box.now()).veto == "start-up grace");
    box.settle();
    auto views = box.decider().views(box.now());
    CHECK(views.veto.empty());
    CHECK(views.watches.size() == 4);
    for (const auto& watch : views.watches) {
        if (watch.uplink == World::uplink(0)) {
            CHECK(watch.verdict == Verdict::healthy);
            CHECK(watch.homed_targets == 6);
        } else {
            CHECK(watch.verdict == Verdict::away);
            CHECK(watch.is_armed);
            CHECK(watch.armed.find("egress-age")->holds);
        }
    }
    box.null_route(0, 0, World::Null::inside);
    box.run(10s);
    views = box.decider().views(box.now());
    const auto& block = views.blocks.front();
    CHECK(block.egress == World::uplink(1));
    CHECK(block.placed_by == Verdict::nullrouted);
    CHECK(block.next.missing == "S and C at home were not good for the stable time");
}

TEST_CASE("a verdict that is gone within seconds is not said, one that lasts is") {
    World box(of(Profile::careful, 0, 12));
    box.settle();
    const auto changes = [&] {
        return std::ranges::count_if(box.events(), [](const world::Event& event) {
            const auto* change = std::get_if<VerdictChanged>(&event.action.deed);
            return change != nullptr && change->uplink == World::uplink(0) &&
                   change->block.set == World::set(0);
        });
    };
    const auto before = changes();
    for (int i = 0; i < 20; ++i) {
        box.targets(World::State::down);
        box.run(3s);
        // The windows say UNCLEAR, and go on saying it until good probes have filled them again.
        for (const auto& watch : box.decider().views(box.now()).watches)
            if (watch.uplink == World::uplink(0))
                CHECK(watch.control_loss >= 0.8);
        box.targets(World::State::up);
        box.run(30s);
    }
    CHECK(changes() == before);
    box.targets(World::State::down);
    box.run(5500ms);
    CHECK(box.verdict(0, 0) == Verdict::unclear);
    CHECK(changes() == before + 1);
    box.targets(World::State::up);
    box.run(20s);
    CHECK(box.verdict(0, 0) == Verdict::healthy);
    CHECK(changes() == before + 2);
}

TEST_CASE(
    "what waits for an operator's word alone is told with the word, and done when he says it") {
    auto configuration = of(Profile::fast, 0, 13);
    configuration.mode = Mode::advise;
    World box(configuration);
    box.settle();
    const auto advice = [&](unsigned set) -> std::optional<Advice> {
        for (const auto& block : box.decider().views(box.now()).blocks)
            if (block.block.set == World::set(set))
                return block.advice;
        return std::nullopt;
    };
    CHECK_FALSE(advice(0));
    box.null_route(0, 0, World::Null::beyond);
    box.run(5s);
    CHECK(box.verdict(0, 0) == Verdict::nullrouted);
    REQUIRE(advice(0));
    CHECK(advice(0)->kind == MoveKind::planned);
    CHECK(advice(0)->to == World::uplink(1));
    CHECK(advice(0)->reason == Verdict::nullrouted);
    CHECK_FALSE(advice(1));
    const auto held = std::ranges::find_if(box.events(), [](const world::Event& event) {
        return std::holds_alternative<Held>(event.action.deed);
    });
    REQUIRE(held != box.events().end());
    CHECK(std::get<Held>(held->action.deed).advice.has_value());
    box.tell(OperatorMove{World::set(0), World::uplink(1)});
    box.run(20s);
    CHECK(box.is_only_on(1, 0));
    // Home again: an operator's word as well.
    box.null_route(0, 0, World::Null::none);
    box.run(60s);
    REQUIRE(advice(0));
    CHECK(advice(0)->kind == MoveKind::failback);
    CHECK(advice(0)->to == World::uplink(0));
}

TEST_CASE("what a frozen box holds back waits for no operator's move") {
    auto configuration = of(Profile::fast, 0, 14);
    World box(configuration);
    box.settle();
    box.tell(OperatorFreeze{OperatorFreeze::State::frozen});
    box.null_route(0, 0, World::Null::inside);
    box.run(5s);
    CHECK(box.holds(0) == std::vector<std::string>{"frozen"});
    for (const auto& block : box.decider().views(box.now()).blocks)
        CHECK_FALSE(block.advice);
}
