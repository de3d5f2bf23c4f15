// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Localisation (detection.md, a TTL walk on a verdict): echo requests of growing hop limit to one
// target, one at a time, and who answered each. Walks come last: they wait for room under the caps
// that evidence leaves, and give up when there is none.
#include <algorithm>

#include "controlplane/probe/machine.h"

namespace detour::probe {

namespace {

constexpr std::uint8_t most_hops = 24;
constexpr std::uint8_t most_silent = 4;  // hops in a row; behind them nobody is asked
constexpr std::uint8_t tries = 2;
constexpr Duration most_patience = std::chrono::minutes(1);

}  // namespace

void Prober::Machine::on(Instant now, const Walk& input) {
    WalkState walk;
    walk.request = input;
    walk.began = now;
    std::optional<Address> source;
    if (input.set) {
        const auto& watch = watches[watch_index(input.uplink, *input.set, input.family)];
        if (!watch.prefixes.empty())
            source = options.sets[watch.set].beacons[watch.prefixes.front().front()].address;
    } else {
        source = lanes[lane_index(uplink_index(input.uplink), input.family)].control;
    }
    const auto& list = targets(input.family);
    const auto chosen = std::ranges::find_if(
        list, [&](std::uint32_t index) { return !destinations[index].is_retired; });
    if (!source || chosen == list.end())
        return;
    walk.source = *source;
    walk.destination = *chosen;
    const auto free = std::ranges::find(walks, false, &WalkState::is_running);
    const auto index = static_cast<std::uint32_t>(free - walks.begin());
    walk.generation = free == walks.end() ? 0 : free->generation + 1;
    if (free == walks.end())
        walks.push_back(std::move(walk));
    else
        *free = std::move(walk);
    walk_on(now, index);
}

// The next hop, or the end.
void Prober::Machine::walk_on(Instant now, std::uint32_t index) {
    auto& walk = walks[index];
    const bool has_arrived =
        !walk.hops.empty() && walk.hops.back().says && *walk.hops.back().says != Hop::Says::passed;
    const bool is_late = now - walk.began > most_patience;
    if (has_arrived || walk.silent >= most_silent || walk.next_hop() > most_hops || is_late)
        return end_walk(index);
    const auto uplink = uplink_index(walk.request.uplink);
    if (!is_usable[uplink])
        return end_walk(index);
    if (!has_room(now, destinations[walk.destination])) {
        timers.add(now + wait_for_room, Due::walk, index, ++walk.generation);
        return;
    }
    ++walk.tried;
    plan_and_send(now, {.at = now,
                        .probe_class = Class::walk,
                        .uplink = uplink,
                        .destination = walk.destination,
                        .source = walk.source,
                        .walk = index,
                        .hop_limit = walk.next_hop()});
}

void Prober::Machine::hear_hop(Instant now, std::uint32_t index, std::optional<Hop> heard) {
    auto& walk = walks[index];
    if (!walk.is_running)
        return;
    if (!heard && walk.tried < tries)
        return walk_on(now, index);
    walk.silent = heard ? 0 : static_cast<std::uint8_t>(walk.silent + 1);
    Hop hop = heard.value_or(Hop{});
    hop.number = walk.next_hop();
    walk.hops.push_back(hop);
    walk.tried = 0;
    walk_on(now, index);
}

void Prober::Machine::end_walk(std::uint32_t index) {
    auto& walk = walks[index];
    walk.is_running = false;
    ++walk.generation;
    while (!walk.hops.empty() && !walk.hops.back().says)
        walk.hops.pop_back();
    outputs.emplace_back(Walked{walk.request, walk.source, destinations[walk.destination].address,
                                std::move(walk.hops)});
    walk.hops.clear();
}

// A word about a probe of a walk: the router's, or the target's own.
void Prober::Machine::hear_walk(Instant now, std::uint32_t index, const Reply& reply,
                                Hop::Says says) {
    const auto& slot = slots[index];
    const Hop hop{
        .says = says, .router = reply.source, .rtt = now - slot.sent, .arrival = reply.arrival};
    const auto walk = slot.plan.walk;
    release(index);
    hear_hop(now, walk, hop);
}

}  // namespace detour::probe
