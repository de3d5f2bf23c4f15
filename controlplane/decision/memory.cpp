// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What is remembered across restarts, and what is shown.
#include <algorithm>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

// A snapshot of another configuration may name what is not there any more.
std::uint32_t index_of(const std::vector<UplinkOptions>& uplinks, UplinkId id) {
    const auto found = std::ranges::find(uplinks, id, &UplinkOptions::id);
    return found == uplinks.end() ? nowhere : static_cast<std::uint32_t>(found - uplinks.begin());
}

std::uint32_t index_of(const std::vector<SetOptions>& sets, const Block& block) {
    const auto found = std::ranges::find(sets, block.set, &SetOptions::id);
    if (found == sets.end())
        return nowhere;
    return static_cast<std::uint32_t>(found - sets.begin()) * 2 +
           static_cast<std::uint32_t>(block.family);
}

std::optional<Duration> age_of(std::optional<Instant> at, Instant now) {
    return at ? std::optional(now - *at) : std::nullopt;
}

}  // namespace

void Decider::Machine::restore(const State& state, Instant taken) {
    is_frozen = state.is_frozen;
    for (const auto& saved : state.watches)
        restore_watch(saved, taken);
    for (const auto& saved : state.blocks) {
        const auto b = index_of(options.sets, saved.block);
        if (b != nowhere && placed[b].exists && restore_block(b, saved, taken) && saved.move)
            restore_move(b, *saved.move, taken);
    }
    // Announced where nothing carries it: left over from a move that had ended.
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        auto& block = placed[b];
        for (std::uint32_t u = 0; block.exists && u < uplink_count(); ++u) {
            const bool is_moving = block.move && (block.move->from == u || block.move->to == u);
            const bool is_leaving = std::ranges::any_of(
                block.leaving, [&](const Leaving& each) { return each.uplink == u; });
            if (block.announced[u] && u != block.carrier && !is_moving && !is_leaving)
                block.leaving.push_back({u, now + limits().damping});
        }
    }
}

void Decider::Machine::restore_watch(const WatchState& saved, Instant taken) {
    const auto u = index_of(options.uplinks, saved.uplink);
    const auto b = index_of(options.sets, saved.block);
    if (u == nowhere || b == nowhere)
        return;
    auto& watch = watched(u, b);
    watch.has_sentinel_latch = saved.has_sentinel_latch;
    watch.canary_leaks = saved.canary_leaks;
    if (saved.beacon_good_age)
        watch.beacon.restore_good(taken - *saved.beacon_good_age);
    if (saved.egress_good_age)
        watch.egress_good = taken - *saved.egress_good_age;
    for (auto& each : watch.detectors)
        each.set_discordance(saved.discordance);
    watch.passive.set_before(saved.packets_per_second);
}

// False when its uplinks are gone from the configuration: then it starts as a new one.
bool Decider::Machine::restore_block(std::uint32_t b, const BlockState& saved, Instant taken) {
    auto& block = placed[b];
    std::vector<std::optional<Announcement>> announced(uplink_count());
    for (const auto& each : saved.announced)
        if (const auto u = index_of(options.uplinks, each.uplink); u != nowhere)
            announced[u] = each.announcement;
    const bool is_anywhere = std::ranges::any_of(
        announced, [](const auto& each) { return each && !each->is_no_export; });
    const auto egress = index_of(options.uplinks, saved.egress);
    if (!is_anywhere || egress == nowhere)
        return false;
    block.announced = std::move(announced);
    block.egress = block.carrier = egress;
    block.since = taken - saved.placed_age;
    block.placed_by = saved.placed_by;
    block.failed_returns = saved.failed_returns;
    block.is_return_latched = saved.is_return_latched;
    for (const auto id : saved.tried)
        if (const auto u = index_of(options.uplinks, id); u != nowhere)
            block.tried.push_back(u);
    for (const auto age : saved.escape_ages)
        block.escapes.push_back(taken - age);
    for (const auto age : saved.return_ages)
        block.returns.push_back(taken - age);
    if (saved.last_return_age)
        block.last_return = taken - *saved.last_return_age;
    if (saved.incident_age)
        block.incident = taken - *saved.incident_age;
    return true;
}

void Decider::Machine::restore_move(std::uint32_t b, const MoveState& saved, Instant taken) {
    auto& block = placed[b];
    const auto from = index_of(options.uplinks, saved.from);
    const auto to = index_of(options.uplinks, saved.to);
    if (from == nowhere || to == nowhere)
        return;
    Move move;
    move.kind = saved.kind;
    move.step = saved.step;
    move.from = from;
    move.to = to;
    move.reason = saved.reason;
    move.stair = saved.stair;
    move.has_life = saved.has_life;
    move.began = taken - saved.age;
    move.onset = block.incident;
    move.stepped = move.asked = now;
    block.carrier = block.announced[from] ? from : to;
    // A canary that was cut off is over: home is withdrawn, the next one waits its time.
    if (move.step == MoveStep::canary) {
        watched(to, b).last_canary = now;
        block.leaving.push_back({to, now});
        return;
    }
    // What was acknowledged before is asked again; its time starts at the new answer, which needs a
    // session that is up again. From the withdrawal on only the verification is left.
    if (move.step >= MoveStep::gate && move.step <= MoveStep::withdraw)
        move.step = MoveStep::announce;
    if (move.step == MoveStep::announce && !block.announced[to])
        move.step = MoveStep::forwarding;
    block.move = std::move(move);
}

State Decider::Machine::snapshot(Instant at) const {
    State state;
    state.is_frozen = is_frozen;
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        const auto& block = placed[b];
        if (!block.exists || block.carrier == nowhere)
            continue;
        BlockState saved;
        saved.block = name_of(b);
        saved.home = id_of(block.home);
        saved.egress = id_of(block.egress);
        for (std::uint32_t u = 0; u < uplink_count(); ++u)
            if (block.announced[u])
                saved.announced.push_back({id_of(u), *block.announced[u]});
        if (block.move) {
            const auto& move = *block.move;
            saved.move = MoveState{move.kind,      move.step,       id_of(move.from),
                                   id_of(move.to), move.reason,     move.stair,
                                   move.has_life,  at - move.began, at - move.stepped};
        }
        saved.placed_age = at - block.since;
        saved.placed_by = block.placed_by;
        for (const auto u : block.tried)
            saved.tried.push_back(id_of(u));
        saved.failed_returns = block.failed_returns;
        for (const auto each : block.escapes)
            saved.escape_ages.push_back(at - each);
        for (const auto each : block.returns)
            saved.return_ages.push_back(at - each);
        saved.last_return_age = age_of(block.last_return, at);
        saved.incident_age = age_of(block.incident, at);
        saved.is_return_latched = block.is_return_latched;
        state.blocks.push_back(std::move(saved));
        for (std::uint32_t u = 0; u < uplink_count(); ++u) {
            const auto& watch = watched(u, b);
            WatchState of;
            of.uplink = id_of(u);
            of.block = name_of(b);
            of.has_sentinel_latch = watch.has_sentinel_latch;
            of.canary_leaks = watch.canary_leaks;
            of.beacon_good_age = age_of(watch.beacon.last_good(), at);
            of.egress_good_age = age_of(watch.egress_good, at);
            if (const Detector* speaker = loudest(watch))
                of.discordance = speaker->discordance();
            of.packets_per_second = watch.passive.mean();
            state.watches.push_back(of);
        }
    }
    return state;
}

WatchView Decider::Machine::watch_view(std::uint32_t u, std::uint32_t b, Instant at) {
    const auto& watch = watched(u, b);
    const auto& of = way(u, family_of(b));
    now = std::max(now, at);
    const Facts f = facts(u, b);
    WatchView view;
    view.uplink = id_of(u);
    view.block = name_of(b);
    view.verdict = watch.verdict;
    view.place = watch.place;
    view.since = watch.since;
    view.watch = watch.watch;
    view.confidence = std::min(f.findings.score / limits().h, 1.0);
    view.lost_targets = f.findings.lost_targets;
    view.homed_targets = f.findings.homed;
    const auto loss = [](const LastTen& ten) {
        return ten.count() == 0 ? std::nullopt : std::optional(ten.loss());
    };
    view.control_loss = loss(of.control_ten.count() != 0 ? of.control_ten : of.proof_ten);
    view.beacon_loss = loss(watch.beacon_ten);
    view.sentinel_loss = loss(watch.sentinel_ten);
    view.tunnel_age = age_of(of.proof.last_good(), at);
    view.egress_age = age_of(watch.egress_good, at);
    view.packets_per_second = watch.passive.rate(now, std::chrono::seconds(10));
    view.why = explain(f, limits(), {watch.verdict, watch.place});
    const Ask ask{b, u, placed[b].carrier, std::nullopt, Verdict::healthy, Place::unknown};
    if (u == placed[b].carrier)
        return view;
    // While it is dead where it is, E counts from before the onset, as for a move.
    Ask as_move = ask;
    if (calls_for_move(watched(placed[b].carrier, b).verdict)) {
        as_move.onset = onset(placed[b].carrier, b);
        as_move.place = watched(placed[b].carrier, b).place;
        as_move.reason = watched(placed[b].carrier, b).verdict;
    }
    view.armed = armed(as_move);
    view.is_armed = view.armed.missing.empty();
    return view;
}

BlockView Decider::Machine::block_view(std::uint32_t b, Instant at) const {
    const auto& block = placed[b];
    BlockView view;
    view.block = name_of(b);
    view.home = id_of(block.home);
    view.egress = id_of(block.egress);
    view.since = block.since;
    view.placed_by = block.placed_by;
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        if (block.announced[u])
            view.announced.push_back({id_of(u), *block.announced[u]});
    if (block.move) {
        view.move = block.move->kind;
        view.step = block.move->step;
        view.to = id_of(block.move->to);
        if (const auto due = step_deadline(block); due && *due > at)
            view.next_at = due;
        view.next.rule = to_string(block.move->step);
    } else if (block.carrier != block.home) {
        view.to = id_of(block.home);
        view.next = ready(b);
        if (view.next.missing == mode_is_advise || view.next.missing == failback_is_manual)
            view.advice = {MoveKind::failback, id_of(block.home), Verdict::healthy};
    } else if (!block.held.reason.empty()) {
        view.next.rule = "held";
        view.next.missing = block.held.reason;
        view.advice = block.held.advice;
    }
    return view;
}

Views Decider::Machine::views(Instant at) {
    Views views;
    views.mode = options.mode;
    views.is_frozen = is_frozen;
    if (!is_started)
        return views;
    now = std::max(now, at);
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists)
            continue;
        views.blocks.push_back(block_view(b, at));
        for (std::uint32_t u = 0; u < uplink_count(); ++u) {
            views.watches.push_back(watch_view(u, b, at));
            if (views.veto.empty())
                views.veto = veto(u);
        }
    }
    return views;
}

}  // namespace detour::decision
