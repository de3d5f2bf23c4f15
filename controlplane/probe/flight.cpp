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

constexpr std::uint32_t probe_port_count = 0x10000 - first_probe_port;

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
    destination.allowance.add(now);
    if (options.probe_limit)
        total.add(now);
    slot.phase = Slot::Phase::pending;
    slot.sent = now;
    slot.number = ++last_number;
    const Family family = plan.source.family();
    const std::uint16_t packet = plan.is_full_size ? options.uplinks[plan.uplink].mtu : plan.size;
    const std::uint16_t size = packet != 0
                                   ? static_cast<std::uint16_t>(packet - header_size(family))
                                   : static_cast<std::uint16_t>(echo_head_size);
    outputs.emplace_back(Send{
        .probe = ProbeId(slot.number),
        .probe_class = plan.probe_class,
        .kind = plan.kind,
        .uplink = options.uplinks[plan.uplink].id,
        .source = plan.source,
        .destination = destination.address,
        .head = sealed_head(index, size),
        .size = size,
        .hop_limit = plan.hop_limit == 0 ? std::nullopt : std::optional(plan.hop_limit),
    });
    timers.add(now + round_trip(plan.uplink, plan.destination).timeout(options.schedule), Due::slot,
               index, slot.generation);
}

// A mark of its own for every probe, and where its reply will be looked for.
EchoHead Prober::Machine::sealed_head(std::uint32_t index, std::size_t size) {
    auto& slot = slots[index];
    const Plan& plan = slot.plan;
    const auto& destination = destinations[plan.destination];
    const auto& to = destination.address;
    slot.mark = {.ident = plan.is_fresh_flow ? static_cast<std::uint16_t>(random.next())
                                             : steady_ident(plan),
                 .sequence = static_cast<std::uint16_t>(slot.number),
                 .slot = index,
                 .token = random.next()};
    if (plan.kind == Kind::icmp) {
        const EchoHead head = encode_echo_request(slot.mark, plan.source, to, size);
        if (plan.walk == none)
            return head;
        slot.signature = signature_of(head);
        flights[*slot.signature] = index;
        return head;
    }
    slot.mark.ident =
        static_cast<std::uint16_t>(first_probe_port + random.next() % probe_port_count);
    slot.mark.sequence = destination.second->port;
    const Ports ports{slot.mark.ident, slot.mark.sequence};
    const EchoHead head =
        plan.kind == Kind::tcp
            ? encode_syn(ports, static_cast<std::uint32_t>(slot.mark.token), plan.source, to)
            : encode_datagram(ports, slot.mark, plan.source, to);
    slot.signature = signature_of(head);
    flights[*slot.signature] = index;
    return head;
}

std::optional<std::uint32_t> Prober::Machine::flying(Signature signature) const {
    const auto found = flights.find(signature);
    return found == flights.end() ? std::nullopt : std::optional(found->second);
}

// The probe that is answered, if it still waits for that.
std::optional<std::uint32_t> Prober::Machine::answered_by(const Reply& reply) const {
    std::optional<std::uint32_t> index;
    if (reply.kind == Kind::icmp) {
        const auto mark = decode_echo_reply(reply.message, reply.source, reply.destination);
        if (mark && mark->slot < slots.size() && slots[mark->slot].mark == *mark)
            index = mark->slot;
    } else if (reply.kind == Kind::tcp) {
        if (const auto syn = decode_syn_reply(reply.message, reply.source, reply.destination))
            index = flying(*syn);
    } else if (const auto heard =
                   decode_datagram_reply(reply.message, reply.source, reply.destination)) {
        const EchoMark mark{heard->ports.source, heard->ports.destination, heard->slot,
                            heard->token};
        if (mark.slot < slots.size() && slots[mark.slot].mark == mark)
            index = mark.slot;
    }
    if (!index)
        return std::nullopt;
    const auto& slot = slots[*index];
    const bool is_flying = slot.phase == Slot::Phase::pending || slot.phase == Slot::Phase::late;
    if (!is_flying || slot.plan.kind != reply.kind ||
        reply.source != destinations[slot.plan.destination].address ||
        reply.destination != slot.plan.source)
        return std::nullopt;
    return index;
}

// The probe that an ICMP error is about, if the error is a word about it: anybody's about one of a
// walk; of a datagram only "port unreachable" from the target itself, which lives, and whose word
// came back.
std::optional<std::uint32_t> Prober::Machine::quoted_by(const IcmpError& error,
                                                        const Reply& reply) const {
    const auto index = flying(error.signature);
    if (!index)
        return std::nullopt;
    const auto& slot = slots[*index];
    const auto& target = destinations[slot.plan.destination].address;
    if (error.source != slot.plan.source || error.destination != target ||
        reply.destination != slot.plan.source)
        return std::nullopt;
    const bool is_about_walk = slot.plan.walk != none && slot.phase == Slot::Phase::pending &&
                               error.protocol == icmp_protocol(target.family());
    const bool is_answer = slot.plan.kind == Kind::udp && error.protocol == udp_protocol &&
                           error.meaning == IcmpError::Meaning::port_unreachable &&
                           reply.source == target;
    return is_about_walk || is_answer ? index : std::nullopt;
}

void Prober::Machine::lose(Instant now, std::uint32_t index) {
    if (const auto walk = slots[index].plan.walk; walk != none) {
        release(index);
        return hear_hop(now, walk, std::nullopt);
    }
    finish(now, index, Result::lost, std::nullopt);
    auto& slot = slots[index];
    slot.phase = Slot::Phase::late;
    timers.add(now + options.schedule.late_reply, Due::slot, index, ++slot.generation);
    const Plan lost = slot.plan;  // a retry may move the slots
    if (!is_usable[lost.uplink]) {
        lanes[lane_index(lost.uplink, lost.source.family())].mtu.stop();
        return;
    }
    if (lost.probe_class == Class::tunnel)
        learn_mtu(now, lost, Result::lost);
    if (lost.size == 0)
        retry(now, lost);
}

void Prober::Machine::finish(Instant now, std::uint32_t index, Result result,
                             std::optional<UplinkId> arrival) {
    const auto& slot = slots[index];
    const Plan& plan = slot.plan;
    // A size that is too large says nothing about the uplink.
    if (plan.size != 0 && result == Result::lost)
        return;
    const auto& destination = destinations[plan.destination];
    Outcome outcome;
    outcome.probe = ProbeId(slot.number);
    outcome.probe_class = plan.probe_class;
    outcome.kind = plan.kind;
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
    if (slot.signature && flying(*slot.signature) == index)
        flights.erase(*slot.signature);
    slot.signature.reset();
    free_slots.push_back(index);
}

}  // namespace detour::probe
