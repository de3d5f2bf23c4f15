// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Intervals. Whatever changes the rhythm (a level, the end of a burst, a retired target) ends in
// repace(): it counts what the configuration asks for, stretches every interval alike until that
// fits under the caps, and lays the targets of each lane evenly over the new interval.
#include <algorithm>
#include <cmath>

#include "controlplane/probe/machine.h"

namespace detour::probe {

namespace {

// The plan keeps this share of the total and of a sentinel's cap free of surprises.
constexpr double planned_share = 0.95;
constexpr double stretch_step = 1.01;
constexpr double most_stretch = 1000;

// How many rounds a window of one second may hold: more than the mean when it does not divide.
double most_in_window(Duration interval) {
    const double mean = 1e9 / static_cast<double>(interval.count());
    return mean <= 1 ? mean : std::ceil(mean - 1e-9);
}

double per_second(Duration interval) {
    return interval == Duration{} ? 0 : 1e9 / static_cast<double>(interval.count());
}

}  // namespace

Duration Prober::Machine::stretched(Duration interval) const {
    return Duration(
        static_cast<std::int64_t>(static_cast<double>(interval.count()) * load.stretch));
}

bool Prober::Machine::is_suspect(const Lane& lane) const {
    return std::ranges::any_of(lane.watches,
                               [&](std::uint32_t index) { return is_pressed(watches[index]); });
}

// One suspicion that comes to nothing must not leave another without the tank.
bool Prober::Machine::has_share(const WatchSlot& watch) const {
    return watch.level == Level::suspect && watch.spent < options.schedule.burst_share;
}

bool Prober::Machine::is_pressed(const WatchSlot& watch) const {
    return burst(watch.family).is_spending && has_share(watch);
}

Duration Prober::Machine::lane_interval(const Lane& lane) const {
    const bool has_pairs = std::ranges::any_of(lane.watches, [&](std::uint32_t index) {
        return watches[index].level != Level::away && !watches[index].prefixes.empty();
    });
    if (!has_pairs)
        return {};
    return stretched(is_suspect(lane) ? options.schedule.suspect_interval
                                      : options.schedule.idle_interval);
}

// Pairs in the fullest second of a target by this lane: C once a round, B at each block's interval.
double Prober::Machine::pairs_demand(const Lane& lane, Duration idle, Duration suspect) const {
    double sum = 0;
    for (const std::uint32_t index : lane.watches) {
        const auto& watch = watches[index];
        if (watch.level != Level::away)
            sum += static_cast<double>(watch.prefixes.size()) *
                   most_in_window(stretched(is_pressed(watch) ? suspect : idle));
    }
    return sum == 0 ? 0 : sum + most_in_window(stretched(is_suspect(lane) ? suspect : idle));
}

bool Prober::Machine::has_second(Family family) const {
    return std::ranges::any_of(targets(family), [&](std::uint32_t index) {
        return destinations[index].second.has_value();
    });
}

// Pairs of the second kind beside those of ICMP; while nothing is suspected they take their place.
double Prober::Machine::second_demand(const Lane& lane) const {
    if (!is_suspect(lane) || !has_second(lane.family))
        return 0;
    double count = lane.control ? 1 : 0;
    for (const std::uint32_t index : lane.watches)
        if (is_pressed(watches[index]))
            count += static_cast<double>(watches[index].prefixes.size()) * (lane.control ? 1 : 2);
    return count * most_in_window(stretched(options.schedule.suspect_interval));
}

double Prober::Machine::demand_per_target(Family family) const {
    const auto& schedule = options.schedule;
    const auto count = static_cast<double>(std::max<std::size_t>(targets(family).size(), 1));
    const bool is_spending = burst(family).is_spending;
    const Duration suspect = is_spending ? schedule.suspect_interval : schedule.idle_interval;
    double sum = 0;
    for (const auto& lane : lanes) {
        if (lane.family != family)
            continue;
        sum += pairs_demand(lane, schedule.idle_interval, suspect) + second_demand(lane);
        if (lane.control)
            sum +=
                per_second(is_spending && !is_suspect(lane) ? suspect : half_armed_age()) / count;
        for (const std::uint32_t index : lane.watches) {
            const auto& where = carried[watches[index].set * 2 + static_cast<std::size_t>(family)];
            if (where && *where != lane.uplink && !watches[index].prefixes.empty())
                sum += per_second(stretched(half_armed_age())) / count;
        }
    }
    return sum;
}

Duration Prober::Machine::sentinel_interval(const WatchSlot& watch) const {
    const auto& schedule = options.schedule;
    if (watch.level == Level::canary || is_pressed(watch))
        return stretched(schedule.suspect_interval);
    // All blocks ask the same sentinels: together they stay under the cap of one.
    const auto blocks = static_cast<double>(options.sets.size());
    const auto shared = blocks / (planned_share * schedule.idle_rate);
    return std::max(half_armed_age(), Duration(static_cast<std::int64_t>(shared * 1e9)));
}

double Prober::Machine::sentinel_demand() const {
    double sum = 0;
    for (const auto& watch : watches)
        if (!watch.prefixes.empty() && !options.uplinks[watch.uplink].sentinels.empty())
            sum += per_second(sentinel_interval(watch));
    return sum;
}

double Prober::Machine::total_demand() const {
    double sum = sentinel_demand();
    for (const Family family : families)
        sum += demand_per_target(family) * static_cast<double>(targets(family).size());
    return sum;
}

bool Prober::Machine::fits() const {
    for (const Family family : families) {
        const auto cap =
            burst(family).is_spending ? options.schedule.suspect_rate : options.schedule.idle_rate;
        if (demand_per_target(family) > cap)
            return false;
    }
    return !options.probe_limit || total_demand() <= planned_share * *options.probe_limit;
}

// The least stretch, of all intervals alike, with which everything fits under the caps.
void Prober::Machine::set_stretch() {
    load.stretch = 1;
    if (std::ranges::none_of(bursts, &Burst::is_spending))
        load.planned_per_second = total_demand();
    while (!fits() && load.stretch < most_stretch)
        load.stretch *= stretch_step;
}

// The tank of suspicion (detection.md section 1: "for at most 10 s"), and who took how much of it.
void Prober::Machine::fill_or_spend(Instant now, Family family) {
    auto& tank = burst(family);
    const Duration full = options.schedule.burst_length;
    const Duration elapsed = now - tank.updated;
    tank.updated = now;
    tank.left = tank.is_spending ? std::max(tank.left - elapsed, Duration{})
                                 : std::min(tank.left + elapsed / refill_slowness, full);
    for (auto& watch : watches)
        if (watch.family == family && tank.left == full)
            watch.spent = {};
        else if (watch.family == family && is_pressed(watch))
            watch.spent += elapsed;
}

void Prober::Machine::update_burst(Instant now, Family family) {
    fill_or_spend(now, family);
    auto& tank = burst(family);
    const Duration full = options.schedule.burst_length;
    bool is_suspected = false;
    Duration share{};  // the least that one of those who spend has left
    for (const auto& watch : watches) {
        if (watch.family != family || watch.level != Level::suspect)
            continue;
        is_suspected = true;
        if (!has_share(watch))
            continue;
        const Duration left = options.schedule.burst_share - watch.spent;
        share = share == Duration{} ? left : std::min(share, left);
    }
    // Once empty it must be full again: no suspicion, however long, is a trickle of bursts.
    if (tank.left == Duration{})
        tank.is_dry = true;
    else if (tank.left == full)
        tank.is_dry = false;
    const bool was_spending = tank.is_spending;
    tank.is_spending = share != Duration{} && !tank.is_dry;
    if (was_spending && !tank.is_spending)
        tank.ended = now;
    ++tank.generation;
    if (!is_suspected)
        return;
    const Duration wait =
        tank.is_spending ? std::min(tank.left, share) : (full - tank.left) * refill_slowness;
    timers.add(now + std::max(wait, Duration(1)), Due::burst, static_cast<std::uint32_t>(family),
               tank.generation);
}

void Prober::Machine::repace(Instant now) {
    for (const Family family : families)
        update_burst(now, family);
    set_stretch();
    for (std::uint32_t index = 0; index < lanes.size(); ++index) {
        auto& lane = lanes[index];
        const Duration interval = lane_interval(lane);
        if (interval != lane.interval) {
            lane.interval = interval;
            restagger(now, lane);
        }
        if (!lane.control || targets(lane.family).empty())
            continue;
        const bool is_hurried = burst(lane.family).is_spending && !is_suspect(lane);
        const Duration tunnel_pace =
            stretched(is_hurried ? options.schedule.suspect_interval : half_armed_age());
        if (tunnel_pace != lane.tunnel_interval) {
            lane.tunnel_interval = tunnel_pace;
            timers.add(now, Due::tunnel, index, ++lane.tunnel_generation);
        }
    }
}

void Prober::Machine::restagger(Instant now, Lane& lane) {
    ++lane.round_generation;
    if (lane.interval == Duration{})
        return;
    const auto lane_number = lane_index(lane.uplink, lane.family);
    const auto count = static_cast<std::uint32_t>(targets(lane.family).size());
    for (std::uint32_t i = 0; i < count; ++i)
        timers.add(now + lane.interval * i / count, Due::round,
                   lane_number + static_cast<std::uint32_t>(lanes.size()) * i,
                   lane.round_generation);
}

bool Prober::Machine::is_due(Instant now, const Lane& lane, const WatchSlot& watch,
                             std::uint32_t destination) const {
    if (watch.level == Level::away || watch.prefixes.empty())
        return false;
    if (is_pressed(watch))
        return true;
    return now + lane.interval / 2 >= watch.due[destination];
}

std::uint32_t Prober::Machine::rate_limit(const Destination& destination) const {
    const Family family = destination.address.family();
    const bool is_canary =
        !destination.target && std::ranges::any_of(watches, [&](const WatchSlot& watch) {
            return watch.family == family && watch.level == Level::canary;
        });
    return burst(family).is_spending || is_canary ? options.schedule.suspect_rate
                                                  : options.schedule.idle_rate;
}

bool Prober::Machine::has_room(Instant now, const Destination& destination) const {
    if (options.probe_limit && !total.has_room(now, *options.probe_limit, Instant::min()))
        return false;
    if (!destination.allowance.has_room(now))
        return false;
    // A window that spans the end of a burst holds the suspicion rate at most, and of what came
    // behind the end the idle rate.
    return destination.window.has_room(now, options.schedule.suspect_rate, Instant::min()) &&
           destination.window.has_room(now, rate_limit(destination),
                                       burst(destination.address.family()).ended);
}

}  // namespace detour::probe
