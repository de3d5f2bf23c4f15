// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/script/dealer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tests/sim/world/dice.h"
#include "tests/sim/world/routes.h"

namespace sim {
namespace {

using detour::model::Profile;
using namespace std::chrono_literals;
using enum EventKind;

// How often a kind comes, beside the others, and how long it lasts, in seconds.
struct Habit {
    EventKind kind;
    double weight;
    double shortest;
    double longest;
};

constexpr std::array habits{
    Habit{null_route, 30, 8, 2400},
    Habit{gap, 6, 0.05, 3},
    Habit{intermittent, 3, 60, 600},
    Habit{filter_icmp, 3, 30, 1800},
    Habit{scrub, 2, 60, 1200},
    Habit{refuse_source, 2, 60, 1200},
    Habit{traffic, 2, 0, 0},
    Habit{attack, 3, 30, 900},
    Habit{dark, 4, 0.1, 300},
    Habit{core_fault, 4, 1, 900},
    Habit{isolated, 3, 1, 900},
    Habit{loss, 5, 20, 1800},
    Habit{lossy_block, 3, 5, 600},
    Habit{lag, 4, 10, 1200},
    Habit{link_down, 4, 0.1, 600},
    Habit{flap, 2, 20, 120},
    Habit{small_mtu, 2, 60, 1200},
    Habit{reset, 3, 0, 0},
    Habit{session_down, 3, 5, 600},
    Habit{shutdown, 2, 60, 1200},
    Habit{max_prefix, 1, 60, 1800},
    Habit{strip, 2, 300, 3000},
    Habit{stuck, 2, 60, 1200},
    Habit{prefer, 2, 60, 1200},
    Habit{target_dead, 4, 5, 3000},
    Habit{target_limit, 3, 60, 3000},
    Habit{sentinels_dead, 2, 30, 1800},
    Habit{restart, 4, 0.5, 60},
    Habit{stall, 3, 0.2, 8},
    Habit{clock_step, 2, 0, 0},
    Habit{telemetry_lost, 2, 2, 120},
    Habit{deaf, 2, 0.5, 60},
};

const Habit& draw_habit(Dice& dice) {
    static const double all =
        std::accumulate(habits.begin(), habits.end(), 0.0,
                        [](double sum, const Habit& habit) { return sum + habit.weight; });
    double left = dice.uniform(0, all);
    for (const Habit& habit : habits) {
        left -= habit.weight;
        if (left < 0)
            return habit;
    }
    return habits.front();
}

Shape shape_of(const Deal& deal, Dice& dice) {
    constexpr std::array profiles{Profile::careful, Profile::quick, Profile::fast};
    Shape shape;
    shape.profile = deal.profile.value_or(profiles.at(deal.seed % profiles.size()));
    shape.uplinks = deal.uplinks;
    shape.sets = deal.sets;
    if (dice.chance(0.2) && deal.sets == 2)
        shape.families = Shape::Families::dual;
    if (dice.chance(0.5))
        shape.fail_back = Shape::FailBack::automatic;
    if (dice.chance(0.1))
        shape.partner = Shape::Partner::behind_provider;
    if (dice.chance(0.3))
        shape.canary = Shape::Canary::communities;
    return shape;
}

// What the words of the kind say.
void fill_number(Event& event, const Shape& shape, Dice& dice) {
    const bool is_fast = shape.profile == Profile::fast;
    switch (event.kind) {
        case intermittent:
            event.number = std::round(dice.log_uniform(0.2, 40) * 10) / 10;
            break;
        case scrub:
            event.number = dice.chance(0.5) ? 0.8 : 0.2;
            break;
        case traffic:
            event.number = std::round(dice.log_uniform(is_fast ? 300 : 60, 30'000));
            break;
        case attack:
            event.number = std::round(dice.log_uniform(50'000, 6'000'000));
            break;
        case loss:
            event.number = dice.chance(0.7) ? 0.2 : 0.05;
            break;
        case lossy_block:
            event.number = dice.chance(0.5) ? 0.3 : 0.6;
            break;
        case lag:
            event.number = static_cast<double>(1 + dice.index(4));
            break;
        case flap:
            event.number = std::round(dice.uniform(0.5, 15) * 10) / 10;
            break;
        case small_mtu:
            event.number = 1300;
            break;
        case target_limit:
            event.number = dice.chance(0.5) ? 15 : 400;
            break;
        default:
            break;
    }
}

void fill_where(Event& event, const Shape& shape, Dice& dice) {
    const std::string uplink =
        uplink_name(dice.chance(0.7) ? 0 : static_cast<std::uint32_t>(dice.index(shape.uplinks)));
    event.where = uplink;
    if (event.kind == null_route && dice.chance(0.15))
        event.where = dice.chance(0.5) ? "transit-a" : "transit-b";
    if (event.kind == stuck)
        event.where = dice.chance(0.5) ? "transit-a" : "transit-b";
    if (event.kind == prefer)
        event.where = fmt::format("as{} transit-{}", 1 + dice.index(target_networks),
                                  dice.chance(0.5) ? "a" : "b");
    if (event.kind == null_route) {
        constexpr std::array places{Place::inside, Place::inside,      Place::border,
                                    Place::border, Place::half_border, Place::host};
        event.place = places.at(dice.index(places.size()));
        event.has_urpf = event.place == Place::inside && dice.chance(0.2);
    }
}

Event draw_event(const Shape& shape, Duration last, Dice& dice) {
    const Habit& habit = draw_habit(dice);
    Event event;
    event.kind = habit.kind;
    event.at = std::chrono::floor<std::chrono::milliseconds>(dice.between(3min, last));
    event.set = static_cast<std::uint32_t>(dice.index(shape.sets));
    const bool is_dual = shape.families == Shape::Families::dual && event.set == 1;
    const std::uint8_t family = dice.chance(0.5) ? 1 : 0;
    if (is_dual && dice.chance(0.5))
        event.family = family;
    event.target = static_cast<std::uint32_t>(dice.index(6));
    fill_where(event, shape, dice);
    fill_number(event, shape, dice);
    if (habit.longest > 0) {
        const double longest = std::min(habit.longest, in_seconds(last - event.at) + 10);
        event.length = std::chrono::floor<std::chrono::milliseconds>(
            seconds(dice.log_uniform(std::min(habit.shortest, longest), longest)));
        event.length = std::max<Duration>(*event.length, 1ms);
    }
    if (habit.kind == gap && shape.profile == Profile::fast && !dice.chance(0.2))
        event.length = std::min<Duration>(*event.length, 200ms);
    return event;
}

// Block-only gaps of up to 3 s, 18 a year and block.
void add_gaps(Scenario& scenario, Duration last, Dice& dice) {
    constexpr double seconds_a_year = 365.25 * 86400;
    for (std::uint32_t set = 0; set < scenario.shape.sets; ++set)
        for (double at = dice.exponential(seconds_a_year / 18); at < in_seconds(last);
             at += dice.exponential(seconds_a_year / 18)) {
            Event event;
            event.kind = gap;
            event.at = std::chrono::floor<std::chrono::milliseconds>(seconds(at)) + 1ms;
            event.set = set;
            event.where = uplink_name(0);
            event.length = std::chrono::floor<std::chrono::milliseconds>(
                seconds(dice.uniform(0.05, scenario.shape.profile == Profile::fast ? 0.2 : 3)));
            scenario.events.push_back(event);
        }
}

}  // namespace

Scenario deal(const Deal& deal) {
    Dice dice = Dice(deal.seed).fork(1);
    Scenario scenario;
    scenario.title = fmt::format("Dealt from seed {}.", deal.seed);
    scenario.seed = deal.seed;
    scenario.weather = Scenario::Weather::random;
    scenario.length = deal.length;
    scenario.shape = shape_of(deal, dice);
    const Duration rest = std::min<Duration>(25min, deal.length / 3);
    const Duration last = std::max<Duration>(deal.length - rest, 4min);
    const std::size_t count = 1 + dice.index(8);
    for (std::size_t i = 0; i < count; ++i)
        scenario.events.push_back(draw_event(scenario.shape, last, dice));
    // Often the null route is put in again after it was lifted.
    for (std::size_t i = 0; i < count; ++i) {
        Event again = scenario.events[i];
        if (again.kind != null_route || !dice.chance(0.2))
            continue;
        again.at =
            again.end() + std::chrono::floor<std::chrono::milliseconds>(dice.between(1s, 40min));
        if (again.at < last)
            scenario.events.push_back(again);
    }
    add_gaps(scenario, last, dice);
    for (Event& event : scenario.events)
        if (event.length && event.end() > last + 10s)
            event.length = std::max<Duration>(last + 10s - event.at, 1ms);
    std::ranges::stable_sort(scenario.events, {}, &Event::at);
    return scenario;
}

}  // namespace sim
