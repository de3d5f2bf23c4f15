// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One probe's life in its slot: planned, pending, then ok or lost; a lost one waits a while longer
// for a late reply that reverses it.
#include "controlplane/probe/machine.h"

namespace detour::probe {

namespace {

// How late a probe may be for want of room: an event loop's own unevenness.
constexpr Duration patience = std::chrono::milliseconds(1);

constexpr std::uint16_t header_size(Family family) {
    return family == Family::ipv4 ? 20 : 40;
}

// One flow for each (uplink, destination, class) while nothing is wrong: what fixed flows show is
// the path that fixed flows take.
std::uint16_t steady_ident(const Plan& plan) {
    const std::uint32_t mixed = (plan.uplink * 31 + plan.destination) * 31 +
                                static_cast<std::uint32_t>(plan.probe_class) * 7 + plan.set * 131;
    return static_cast<std::uint16_t>(mixed ^ mixed >> 16);
}

}  // namespace

std::uint32_t Prober::Machine::plan(const Plan& probe) {
    if (free_slots.empty()) {
        free_slots.push_back(static_cast<std::uint32_t>(slots.size()));
        slots.emplace_back();
    }
    const std::uint32_t index = free_slots.back();
    free_slots.pop_back();
    auto& slot = slots[index];
    slot.phase = Slot::Phase::planned;
    slot.plan = probe;
    timers.add(probe.at, Due::slot, index, slot.generation);
    return index;
}

void Prober::Machine::send(Instant now, std::uint32_t index) {
    auto& slot = slots[index];
    const Plan& plan = slot.plan;
    auto& destination = destinations[plan.destination];
    ++slot.generation;
    if (!is_usable[plan.uplink]) {
        slot.phase = Slot::Phase::pending;
        slot.sent = now;
        slot.number = ++last_number;
        lose(now, index);
        return release(index);
    }
    if (!has_room(now, destination)) {
        // Room a moment later is the same round a moment ago: it waits. Else it is thinned.
        if (now < plan.at + patience && has_room(plan.at + patience, destination)) {
            timers.add(plan.at + patience, Due::slot, index, slot.generation);
            return;
        }
        ++load.withheld;
        return release(index);
    }
    destination.window.add(now);
    if (options.probe_limit)
        total.add(now);
    slot.phase = Slot::Phase::pending;
    slot.sent = now;
    slot.number = ++last_number;
    slot.mark = {.ident = plan.is_fresh_flow ? static_cast<std::uint16_t>(random.next())
                                             : steady_ident(plan),
                 .sequence = static_cast<std::uint16_t>(slot.number),
                 .slot = index,
                 .token = random.next()};
    const Family family = plan.source.family();
    const std::uint16_t size =
        plan.is_full_size
            ? static_cast<std::uint16_t>(options.uplinks[plan.uplink].mtu - header_size(family))
            : static_cast<std::uint16_t>(echo_head_size);
    outputs.emplace_back(Send{
        .probe = ProbeId(slot.number),
        .probe_class = plan.probe_class,
        .kind = Kind::icmp,
        .uplink = options.uplinks[plan.uplink].id,
        .source = plan.source,
        .destination = destination.address,
        .head = encode_echo_request(slot.mark, plan.source, destination.address, size),
        .size = size,
        .dont_fragment = plan.is_full_size,
    });
    timers.add(now + round_trip(plan.uplink, plan.destination).timeout(options.schedule), Due::slot,
               index, slot.generation);
}

void Prober::Machine::lose(Instant now, std::uint32_t index) {
    finish(now, index, Result::lost, std::nullopt);
    auto& slot = slots[index];
    slot.phase = Slot::Phase::late;
    timers.add(now + options.schedule.late_reply, Due::slot, index, ++slot.generation);
    const Plan lost = slot.plan;  // a retry may move the slots
    if (is_usable[lost.uplink])
        retry(now, lost);
}

void Prober::Machine::finish(Instant now, std::uint32_t index, Result result,
                             std::optional<UplinkId> arrival) {
    const auto& slot = slots[index];
    const Plan& plan = slot.plan;
    const auto& destination = destinations[plan.destination];
    Outcome outcome;
    outcome.probe = ProbeId(slot.number);
    outcome.probe_class = plan.probe_class;
    outcome.family = plan.source.family();
    outcome.uplink = options.uplinks[plan.uplink].id;
    if (plan.set != none)
        outcome.set = options.sets[plan.set].id;
    outcome.beacon = plan.beacon;
    outcome.prefix = plan.prefix;
    outcome.target = destination.target;
    if (!destination.target) {
        outcome.sentinel_of = options.uplinks[destination.uplink].id;
        outcome.sentinel = destination.sentinel;
    }
    outcome.pair = plan.pair;
    outcome.is_full_size = plan.is_full_size;
    outcome.sent = slot.sent;
    outcome.result = result;
    if (result != Result::lost) {
        outcome.rtt = now - slot.sent;
        outcome.arrival = arrival;
    }
    outputs.emplace_back(outcome);
}

void Prober::Machine::release(std::uint32_t index) {
    auto& slot = slots[index];
    if (slot.phase == Slot::Phase::free)
        return;
    slot.phase = Slot::Phase::free;
    ++slot.generation;
    free_slots.push_back(index);
}

}  // namespace detour::probe
