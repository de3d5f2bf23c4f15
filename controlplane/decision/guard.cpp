// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Armed: could this uplink take the block? May we: modes, freeze, budgets, brakes.
#include <algorithm>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

void require(Explanation& why, bool holds, std::string_view missing, Figure figure) {
    figure.holds = holds;
    why.figures.push_back(figure);
    if (!holds && why.missing.empty())
        why.missing = missing;
}

Figure truth(std::string_view name, bool value) {
    return {name, value ? 1.0 : 0.0, Comparison::is, 1, Unit::truth, 0, "4", value};
}

Figure age(std::string_view name, std::optional<Duration> value, Duration threshold) {
    return {name,
            value ? in_seconds(*value) : -1.0,
            Comparison::at_most,
            in_seconds(threshold),
            Unit::seconds,
            0,
            "4",
            true};
}

}  // namespace

// Section 4: "v is eligible when armed".
Explanation Decider::Machine::armed(const Ask& ask) const {
    const auto family = family_of(ask.block);
    const auto& of = way(ask.to, family);
    const auto& uplink = uplinks[ask.to];
    const auto& option = options.uplinks[ask.to];
    Explanation why;
    why.rule = "armed";
    why.note = option.name;
    require(why, carries(ask.to, family), "it does not carry this family",
            truth("carries-family", carries(ask.to, family)));
    require(why, uplink.is_link_up && !uplink.bfd_down, "its link is down",
            truth("link-up", uplink.is_link_up && !uplink.bfd_down));
    require(why, of.session != SessionState::down_refused,
            "its neighbour closed the session on purpose",
            truth("not-refused", of.session != SessionState::down_refused));
    require(why, of.session == SessionState::established, "its BGP session is not Established",
            truth("established", of.session == SessionState::established));
    const auto good = of.proof.last_good();
    const auto proof_age = good ? std::optional(now - *good) : std::nullopt;
    require(why, proof_age && *proof_age <= limits().armed_age,
            "T was not good within the armed age",
            age("tunnel-age", proof_age, limits().armed_age));
    const auto full_age =
        of.full_size_good ? std::optional(now - *of.full_size_good) : std::nullopt;
    require(why, full_age && *full_age <= limits().armed_age,
            "T at full MTU was not good within the armed age",
            age("tunnel-full-age", full_age, limits().armed_age));
    if (ask.onset) {
        const bool is_since = good && *good >= *ask.onset;
        require(why, is_since, no_proof_since_onset, truth("tunnel-since", is_since));
    }
    require_egress(why, ask);
    const bool is_shared = ask.place == Place::inside && uplink.shares_fate[ask.from];
    require(why, !is_shared, "its paths lead through the provider that drops the block",
            truth("other-fate", !is_shared));
    require_strength(why, ask);
    return why;
}

// Silenced by a null route on u, or by whatever else takes the replies to the block there: the last
// result before they ended stands. One that has been silent since the incident's first escape is
// judged by that onset.
void Decider::Machine::require_egress(Explanation& why, const Ask& ask) const {
    const auto egress = watched(ask.to, ask.block).egress_good;
    std::optional<Duration> egress_age;
    if (egress) {
        const auto& incident = placed[ask.block].incident;
        Instant until = std::min(ask.onset.value_or(now), now);
        if (const auto silent = watched(ask.from, ask.block).beacon.onset())
            until = std::min(until, *silent);
        if (incident && *egress <= *incident)
            until = std::min(until, *incident);
        egress_age = std::max(until - *egress, Duration{});
    }
    require(why, egress_age && *egress_age <= limits().armed_age,
            "E was not good within the armed age",
            age("egress-age", egress_age, limits().armed_age));
    // A null route that is lifted: E, missing until now, is heard a moment before the next B.
    const bool is_lifted = (ask.reason == Verdict::nullrouted || ask.reason == Verdict::attacked) &&
                           ask.onset && egress && *egress >= *ask.onset &&
                           watched(ask.to, ask.block).egress_by == ask.from;
    require(why, !is_lifted, "E came back by the way that is to be left",
            truth("egress-elsewhere", !is_lifted));
}

// Capacity >= p95 + 30 % if a limit is set; and to an attack only what can stand it.
void Decider::Machine::require_strength(Explanation& why, const Ask& ask) const {
    const auto& option = options.uplinks[ask.to];
    const auto capacity = option.limit ? static_cast<double>(option.limit->bits_per_second) : 0.0;
    if (option.limit) {
        double load = watched(ask.from, ask.block).passive.p95_bits();
        for (std::uint32_t b = 0; b < block_count(); ++b)
            if (placed[b].exists && b != ask.block && placed[b].carrier == ask.to)
                load += watched(ask.to, b).passive.p95_bits();
        const double wanted = load * limits().headroom;
        const Figure figure{"capacity", capacity, Comparison::at_least, wanted, Unit::none,
                            0,          "4",      capacity >= wanted};
        if (ask.strength == Ask::Strength::required)
            require(why, figure.holds, "its capacity is below p95 + 30 %", figure);
        else
            why.figures.push_back(figure);
    }
    if (ask.reason != Verdict::attacked)
        return;
    const auto attack = watched(ask.from, ask.block).passive.attack(ask.onset.value_or(now));
    const bool is_strong =
        option.purpose == Purpose::scrubber || (option.limit && capacity > attack.peak_bits);
    require(why, is_strong, "it is no scrubber and its limit does not exceed the attack",
            truth("stands-attack", is_strong));
}

// Tried in this incident, and not proven well since. One that is still announced is proven by B.
bool Decider::Machine::is_spent(std::uint32_t b, std::uint32_t u) const {
    if (!contains(placed[b].tried, u))
        return false;
    const auto& watch = watched(u, b);
    const auto ready = watch.ready_since;
    return !ready || now - *ready < stable_time(placed[b]) ||
           (placed[b].announced[u] && !watch.beacon_ten.is_good());
}

// By a session that stands, to everybody.
bool Decider::Machine::is_announced_somewhere(std::uint32_t b) const {
    const auto& block = placed[b];
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        if (block.announced[u] && !block.announced[u]->is_no_export &&
            way(u, family_of(b)).session == SessionState::established)
            return true;
    return false;
}

// Empty: yes.
std::string_view Decider::Machine::may_escape(std::uint32_t b) const {
    const auto& block = placed[b];
    const auto verdict = watched(block.carrier, b).verdict;
    if (verdict == Verdict::congested || verdict == Verdict::partial)
        return verdict_advises;
    if (options.mode == Mode::advise)
        return mode_is_advise;
    if (is_frozen)
        return "frozen";
    const auto hour = std::ranges::count_if(
        block.escapes, [&](Instant at) { return now - at < std::chrono::hours(1); });
    // Never announced nowhere comes before the brake.
    if (hour >= limits().escapes_per_hour && is_announced_somewhere(b))
        return escapes_are_spent;
    if (verdict != Verdict::uplink_dead && verdict != Verdict::session_down && is_mass_brake_on(b))
        return "mass brake: another set moves first";
    return {};
}

// Section 4: verdicts on more than two sets or half of them within 60 s: the quietest first, the
// rest when it lives, or after 30 s.
bool Decider::Machine::is_mass_brake_on(std::uint32_t b) const {
    if (limits().mass_window == Duration{})
        return false;
    std::vector<std::uint32_t> sets;
    for (std::uint32_t each = 0; each < block_count(); ++each) {
        if (!placed[each].exists)
            continue;
        const auto& watch = watched(placed[each].carrier, each);
        const auto& move = placed[each].move;
        const bool is_struck =
            (watch.verdict == Verdict::nullrouted || watch.verdict == Verdict::uplink_isolated) &&
            now - watch.since <= limits().mass_window;
        const bool has_moved = move && move->kind == MoveKind::escape &&
                               move->reason != Verdict::uplink_dead &&
                               now - move->began <= limits().mass_window;
        if ((is_struck || has_moved) && !contains(sets, each / 2))
            sets.push_back(each / 2);
    }
    const bool is_mass =
        sets.size() > 2 || (sets.size() > 1 && sets.size() * 2 >= options.sets.size());
    if (!is_mass)
        return false;
    for (std::uint32_t each = 0; each < block_count(); ++each) {
        const auto& move = placed[each].move;
        if (each / 2 != b / 2 && move && move->kind == MoveKind::escape && !move->has_life &&
            now - move->began < limits().mass_wait)
            return true;
        // Of those that wait, the quietest goes.
        if (each / 2 != b / 2 && placed[each].exists && !move &&
            watched(placed[each].carrier, each).verdict == Verdict::nullrouted &&
            watched(placed[each].carrier, each).passive.mean() <
                watched(placed[b].carrier, b).passive.mean() &&
            now - watched(placed[b].carrier, b).since < limits().mass_wait)
            return true;
    }
    return false;
}

// Section 4 wants T good since the onset, and its next turn may be half an armed age away: now. A
// lost one is sent again by the prober.
void Decider::Machine::prove_others(std::uint32_t u, Family family) {
    for (std::uint32_t other = 0; other < uplink_count(); ++other) {
        auto& of = way(other, family);
        if (other == u || !carries(other, family) ||
            (of.asked_proof && now - *of.asked_proof < limits().armed_age / 8))
            continue;
        of.asked_proof = now;
        say(ProveTunnel{id_of(other), family});
    }
}

// Said once for each reason and destination.
void Decider::Machine::hold(std::uint32_t b, std::uint32_t to, Explanation why) {
    auto& block = placed[b];
    const bool is_operators_turn = why.missing == mode_is_advise ||
                                   why.missing == verdict_advises ||
                                   why.missing == escapes_are_spent;
    std::optional<Advice> advice;
    if (to != nowhere && is_operators_turn)
        advice = {MoveKind::planned, id_of(to), watched(block.carrier, b).verdict};
    block.held = {why.missing, advice};
    const std::pair reason(why.missing, to);
    if (std::ranges::find(block.held_said, reason) != block.held_said.end())
        return;
    block.held_said.push_back(reason);
    const auto target = to == nowhere ? std::nullopt : std::optional(id_of(to));
    const auto led_here = watched(block.carrier, b).cause;
    if (why.missing == escapes_are_spent)
        say(Said{Severity::page, target, name_of(b), why}, led_here);
    say(Held{id_of(block.carrier), name_of(b), target, std::move(why), advice}, led_here);
}

bool Decider::Machine::has_update_budget(std::uint32_t b, std::uint32_t u,
                                         std::size_t wanted) const {
    const auto used = std::ranges::count_if(
        placed[b].updates[u], [&](Instant at) { return now - at < std::chrono::hours(1); });
    return static_cast<std::size_t>(used) + wanted <= limits().updates_per_hour;
}

}  // namespace detour::decision
