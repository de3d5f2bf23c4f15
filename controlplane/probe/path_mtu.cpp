// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The path MTU of an uplink, measured: while T at full size does not come back although small ones
// do, the largest size that does is searched for by halves. A loss is ordinary, so a size counts as
// too large after three of them in a row, and a search in which nothing came back says nothing.
#include "controlplane/probe/machine.h"

namespace detour::probe {

namespace {

constexpr std::uint8_t enough_losses = 3;
constexpr Duration look_again = std::chrono::minutes(10);

// What every link of the family must carry (RFC 791: 68, but nobody runs that; RFC 8200 section 5).
constexpr std::uint16_t least_mtu(Family family) {
    return family == Family::ipv4 ? 576 : 1280;
}

}  // namespace

// What became of a T.
void Prober::Machine::learn_mtu(Instant now, const Plan& plan, Result result) {
    auto& lane = lanes[lane_index(plan.uplink, plan.source.family())];
    auto& search = lane.mtu;
    const std::uint16_t full = options.uplinks[plan.uplink].mtu;
    const bool is_good = result != Result::lost;
    if (plan.size != 0)
        return narrow(now, lane, plan.size, result);
    if (plan.is_full_size && is_good) {
        search.full_losses = 0;
        search.is_running = false;
        return tell_mtu(lane, full);
    }
    if (plan.is_full_size) {
        search.full_losses = static_cast<std::uint8_t>(std::min<int>(search.full_losses + 1, 100));
        return;
    }
    if (!is_good || search.full_losses < enough_losses || search.is_running ||
        (search.again && now < *search.again))
        return;
    search.is_running = true;
    search.good = least_mtu(lane.family);
    search.bad = static_cast<std::uint16_t>(full + 1);
    search.losses = 0;
    if (search.good < full)
        try_size(now, lane);
}

void Prober::Machine::narrow(Instant now, Lane& lane, std::uint16_t size, Result result) {
    auto& search = lane.mtu;
    search.is_flying = false;
    if (!search.is_running)
        return;
    if (result != Result::lost) {
        search.good = std::max(search.good, size);
        search.losses = 0;
    } else if (++search.losses >= enough_losses) {
        search.bad = std::min(search.bad, size);
        search.losses = 0;
    }
    if (search.good + 1 < search.bad)
        return try_size(now, lane);
    search.is_running = false;
    search.again = now + look_again;
    if (search.good != least_mtu(lane.family))  // something came back
        tell_mtu(lane, search.good);
}

// The middle; now, or when there is room.
void Prober::Machine::try_size(Instant now, Lane& lane) {
    auto& search = lane.mtu;
    if (!search.is_running || search.is_flying || !lane.control)
        return;
    const auto destination = next_target(now, lane.family, lane.tunnel_turn);
    if (destination == none) {
        timers.add(now + wait_for_room, Due::size, lane_index(lane.uplink, lane.family),
                   ++search.generation);
        return;
    }
    search.is_flying = true;
    plan_and_send(now, {.at = now,
                        .probe_class = Class::tunnel,
                        .uplink = lane.uplink,
                        .destination = destination,
                        .source = *lane.control,
                        .size = static_cast<std::uint16_t>((search.good + search.bad) / 2),
                        .is_fresh_flow = true});
}

void Prober::Machine::tell_mtu(Lane& lane, std::uint16_t mtu) {
    if (lane.mtu.told == mtu)
        return;
    lane.mtu.told = mtu;
    outputs.emplace_back(PathMtu{options.uplinks[lane.uplink].id, lane.family, mtu,
                                 options.uplinks[lane.uplink].mtu});
}

}  // namespace detour::probe
