// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What is sent when something is due: a target's pairs, a tunnel's T, a block's E and S.
#include <algorithm>
#include <utility>

#include "controlplane/probe/machine.h"

namespace detour::probe {

namespace {

constexpr std::uint8_t most_retries = 3;

}  // namespace

void Prober::Machine::round(Instant now, const Timer& timer) {
    const auto lane_count = static_cast<std::uint32_t>(lanes.size());
    auto& lane = lanes[timer.index % lane_count];
    const std::uint32_t destination = targets(lane.family)[timer.index / lane_count];
    const auto& asked = destinations[destination];
    if (!asked.is_retired && take_second_turn(now, lane, destination)) {
        plan_pairs(now, lane, destination, asked.second->kind);
    } else if (!asked.is_retired) {
        plan_pairs(now, lane, destination, Kind::icmp);
        if (asked.second && is_suspect(lane))
            plan_pairs(now + lane.interval / 2, lane, destination, asked.second->kind);
    }
    // On the grid, so that the targets stay spread; a late call starts a new one.
    const Instant next = timer.at + lane.interval;
    timers.add(next > now ? next : now + lane.interval, Due::round, timer.index, timer.generation);
}

// While nothing is suspected: once in half an armed age for each target in turn. While something is
// and the suspicion rate is spent: every other round.
bool Prober::Machine::take_second_turn(Instant now, Lane& lane, std::uint32_t destination) {
    if (!destinations[destination].second || is_suspect(lane))
        return false;
    const auto& list = targets(lane.family);
    auto& due = lane.second_due[destination];
    // Half a turn away from T, which goes round at the same pace.
    const auto count = static_cast<std::ptrdiff_t>(list.size());
    if (!due)
        due = now + half_armed_age() *
                        ((std::ranges::find(list, destination) - list.begin() + count / 2) % count);
    const bool is_wanted = std::ranges::any_of(
        lane.watches, [&](std::uint32_t index) { return watches[index].level == Level::suspect; });
    if (is_wanted)
        due = std::min(*due, lane.last_second[destination] + lane.interval * 3 / 2);
    if (now < *due)
        return false;
    due = std::max(*due + half_armed_age() * count, now);
    lane.last_second[destination] = now;
    return true;
}

// One C serves every set's B: each lies between gap_min and gap_max from it, before or after by
// lot. Of the second kind on suspicion only what is suspect, beside the round of ICMP.
void Prober::Machine::plan_pairs(Instant at, Lane& lane, std::uint32_t destination, Kind kind) {
    round_plans.clear();
    const bool is_fresh = kind != Kind::icmp || is_suspect(lane);
    const bool is_beside = kind != Kind::icmp && is_suspect(lane);
    const std::uint32_t shared_pair = lane.control ? last_pair + 1 : 0;
    for (const std::uint32_t index : lane.watches) {
        auto& watch = watches[index];
        if (is_beside ? !is_pressed(watch) || watch.prefixes.empty()
                      : !is_due(at, lane, watch, destination))
            continue;
        if (!is_beside)
            watch.due[destination] = at + stretched(options.schedule.idle_interval);
        if (lane.control) {
            plan_beacons(watch, destination, shared_pair, kind);
            continue;
        }
        const WatchSlot* other = stand_in(lane, watch);
        plan_beacons(watch, destination, other ? ++last_pair : 0, kind);
        if (!other)
            continue;
        const auto beacon = other->beacon(watch.rounds[destination]);
        spread(at, Plan{.probe_class = Class::control,
                        .kind = kind,
                        .uplink = lane.uplink,
                        .destination = destination,
                        .source = options.sets[other->set].beacons[beacon].address,
                        .set = watch.set,
                        .beacon = beacon,
                        .pair = last_pair,
                        .is_fresh_flow = is_fresh});
    }
    if (!lane.control || round_plans.empty())
        return spread(at, std::nullopt);
    ++last_pair;
    spread(at, Plan{.probe_class = Class::control,
                    .kind = kind,
                    .uplink = lane.uplink,
                    .destination = destination,
                    .source = *lane.control,
                    .pair = shared_pair,
                    .is_fresh_flow = is_fresh});
}

void Prober::Machine::plan_beacons(WatchSlot& watch, std::uint32_t destination, std::uint32_t pair,
                                   Kind kind) {
    // Of the second kind: the beacon that ICMP has not just used, or any.
    const std::uint32_t turn = kind == Kind::icmp ? watch.rounds[destination]++
                               : watch.level == Level::suspect
                                   ? watch.rounds[destination]
                                   : static_cast<std::uint32_t>(random.next() >> 32);
    for (const auto& prefix : watch.prefixes) {
        // Neighbouring targets start on different beacons.
        const std::uint8_t beacon = prefix[(std::size_t{turn} + destination) % prefix.size()];
        const auto& chosen = options.sets[watch.set].beacons[beacon];
        round_plans.push_back(
            {.probe_class = Class::beacon,
             .kind = kind,
             .uplink = watch.uplink,
             .destination = destination,
             .source = chosen.address,
             .set = watch.set,
             .beacon = beacon,
             .prefix = chosen.prefix,
             .pair = pair,
             .is_fresh_flow = kind != Kind::icmp || watch.level == Level::suspect});
    }
}

// Gives the collected B their times around their C, in random order. The n-th send of a round lies
// evenly behind the one before, so that the n-th of the next round finds room in its window.
void Prober::Machine::spread(Instant now, const std::optional<Plan>& control) {
    const auto& schedule = options.schedule;
    const auto count = static_cast<std::uint32_t>(round_plans.size());
    for (std::uint32_t i = count; i > 1; --i)
        std::swap(round_plans[i - 1], round_plans[random.next() % i]);
    const auto before = static_cast<std::uint32_t>(random.next() % (count + 1));
    const Duration even = schedule.gap_max / std::max(count, 1U);
    // One alone has the whole room for chance; many that do not fit evenly share it as they fall.
    const auto gap = [&](std::uint32_t steps) {
        if (count == 1 || even < schedule.gap_min)
            return random.between(schedule.gap_min, schedule.gap_max);
        return even * steps - random.between({}, std::min(even - schedule.gap_min, even / 4));
    };
    const Instant anchor =
        now + (count > 1 && even >= schedule.gap_min ? even * before : schedule.gap_max);
    for (std::uint32_t i = 0; i < count; ++i) {
        auto& each = round_plans[i];
        each.at =
            i < before ? std::max(anchor - gap(before - i), now) : anchor + gap(i - before + 1);
        plan(each);
    }
    round_plans.clear();
    if (!control)
        return;
    Plan each = *control;
    each.at = anchor;
    plan(each);
}

// Without a control source the B of another set announced there serves as control.
const WatchSlot* Prober::Machine::stand_in(const Lane& lane, const WatchSlot& watch) const {
    for (const std::uint32_t index : lane.watches) {
        const auto& other = watches[index];
        if (other.set != watch.set && other.level != Level::away && !other.prefixes.empty())
            return &other;
    }
    return nullptr;
}

// The next target in turn that is in use and has room; none when there is no such.
std::uint32_t Prober::Machine::next_target(Instant now, Family family, std::uint32_t& turn) const {
    const auto& list = targets(family);
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::uint32_t candidate = list[turn++ % list.size()];
        const auto& destination = destinations[candidate];
        if (!destination.is_retired && has_room(now, destination))
            return candidate;
    }
    return none;
}

// Pairs that use a target's whole rate leave it a moment in each round. T and E are few and must
// not be crowded out by falling beside it: they try again for about a second, until a target has
// room. Where intervals are stretched far, who waits would take another's share.
Instant Prober::Machine::when_there_is_room(Instant now, Family family, std::uint8_t& waits) const {
    constexpr Duration pause = std::chrono::milliseconds(20);
    constexpr std::uint8_t most_waits = 60;
    constexpr double far = 2;
    const bool has_target = std::ranges::any_of(targets(family), [&](std::uint32_t target) {
        return !destinations[target].is_retired && has_room(now, destinations[target]);
    });
    if (has_target || load.stretch > far || targets(family).empty() || waits >= most_waits) {
        waits = 0;
        return now;
    }
    ++waits;
    return now + pause;
}

void Prober::Machine::tunnel(Instant now, std::uint32_t index) {
    auto& lane = lanes[index];
    lane.tunnel_retries = 0;
    const Instant soon = when_there_is_room(now, lane.family, lane.tunnel_waits);
    if (soon != now)
        return timers.add(soon, Due::tunnel, index, lane.tunnel_generation);
    send_tunnel(now, lane);
    timers.add(now + lane.tunnel_interval, Due::tunnel, index, lane.tunnel_generation);
}

// At full size: a good one proves the small one too. Of those that follow a lost one the second is
// small, so that a path that passes only those is known as such.
void Prober::Machine::send_tunnel(Instant now, Lane& lane) {
    const auto destination = next_target(now, lane.family, lane.tunnel_turn);
    if (destination == none || !lane.control) {
        ++load.withheld;
        return;
    }
    plan_and_send(now, {.at = now,
                        .probe_class = Class::tunnel,
                        .uplink = lane.uplink,
                        .destination = destination,
                        .source = *lane.control,
                        .is_full_size = lane.tunnel_retries != 2,
                        .is_fresh_flow = true});
}

void Prober::Machine::egress(Instant now, std::uint32_t index) {
    auto& watch = watches[index];
    watch.egress_retries = 0;
    const Instant soon = when_there_is_room(now, watch.family, watch.egress_waits);
    if (soon != now)
        return timers.add(soon, Due::egress, index, watch.egress_generation);
    send_egress(now, watch);
    timers.add(now + stretched(half_armed_age()), Due::egress, index, watch.egress_generation);
}

void Prober::Machine::send_egress(Instant now, WatchSlot& watch) {
    if (watch.prefixes.empty())
        return;
    const auto destination = next_target(now, watch.family, watch.egress_turn);
    if (destination == none) {
        ++load.withheld;
        return;
    }
    const auto beacon = watch.beacon(watch.egress_turn);
    plan_and_send(now, {.at = now,
                        .probe_class = Class::egress,
                        .uplink = watch.uplink,
                        .destination = destination,
                        .source = options.sets[watch.set].beacons[beacon].address,
                        .set = watch.set,
                        .beacon = beacon,
                        .is_fresh_flow = true});
}

// Each sentinel of the uplink in turn, then each sender: the uplink itself and the others.
void Prober::Machine::sentinel(Instant now, std::uint32_t index) {
    auto& watch = watches[index];
    std::uint32_t count = 0;
    std::uint32_t chosen = none;
    const auto is_ours = [&](const Destination& destination) {
        return !destination.target && destination.uplink == watch.uplink &&
               destination.address.family() == watch.family;
    };
    for (const auto& destination : destinations)
        count += is_ours(destination) ? 1 : 0;
    if (count == 0 || watch.prefixes.empty())
        return;
    std::uint32_t skip = watch.sentinel_turn % count;
    for (std::uint32_t i = 0; i < destinations.size() && chosen == none; ++i)
        if (is_ours(destinations[i]) && skip-- == 0)
            chosen = i;
    const auto senders = static_cast<std::uint32_t>(options.uplinks.size());
    const std::uint32_t sender = (watch.uplink + watch.sentinel_turn / count) % senders;
    const auto beacon = watch.beacon(watch.sentinel_turn / count / senders);
    ++watch.sentinel_turn;
    plan_and_send(now, {.at = now,
                        .probe_class = Class::sentinel,
                        .uplink = sender,
                        .destination = chosen,
                        .source = options.sets[watch.set].beacons[beacon].address,
                        .set = watch.set,
                        .beacon = beacon,
                        .is_fresh_flow = true});
    timers.add(now + sentinel_interval(watch), Due::sentinel, index, watch.sentinel_generation);
}

// "At once" for T and E: what the armed age rests on must not wait half of it because one of a
// hundred was lost.
void Prober::Machine::retry(Instant now, const Plan& lost) {
    const Family family = lost.source.family();
    if (lost.probe_class == Class::tunnel) {
        auto& lane = lanes[lane_index(lost.uplink, family)];
        if (lane.tunnel_retries++ < most_retries)
            send_tunnel(now, lane);
    }
    if (lost.probe_class == Class::egress) {
        auto& watch = watches[watch_index(options.uplinks[lost.uplink].id,
                                          options.sets[lost.set].id, family)];
        if (watch.egress_retries++ < most_retries)
            send_egress(now, watch);
    }
}

}  // namespace detour::probe
