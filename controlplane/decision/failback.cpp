// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Fail-back (detection.md section 5): ready, canary where S had failed, then the stair. Home is
// `move.to`, the uplink that carries the block meanwhile `move.from`.
#include <algorithm>
#include <cmath>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

// The stair: home with prepends, one, none; then the other with prepends; then it is withdrawn.
constexpr std::uint32_t last_stair = 3;
// Announcements a whole return takes at home: canary, three stairs.
constexpr std::size_t updates_at_home = 4;

constexpr Duration day = std::chrono::hours(24);

Explanation plain(std::string_view rule, std::string_view note) {
    Explanation why;
    why.rule = rule;
    why.note = note;
    return why;
}

void require(Explanation& why, bool holds, std::string_view missing, Figure figure) {
    figure.holds = holds;
    why.figures.push_back(figure);
    if (!holds && why.missing.empty())
        why.missing = missing;
}

}  // namespace

// 15 min, after each failed return longer.
Duration Decider::Machine::stable_time(const Placed& block) const {
    const auto& longer = limits().stable_after_failure;
    if (block.failed_returns == 0 || longer.empty())
        return limits().stable_time;
    return longer[std::min<std::size_t>(block.failed_returns, longer.size()) - 1];
}

bool Decider::Machine::needs_canary(std::uint32_t b) const {
    return watched(placed[b].home, b).has_sentinel_latch;
}

// What stands between the block and its home; `missing` is empty when nothing does.
Explanation Decider::Machine::ready(std::uint32_t b) const {
    const auto& block = placed[b];
    const auto& home = watched(block.home, b);
    const bool is_asked = block.asked_home.has_value();
    const bool is_hurried = is_asked && *block.asked_home == Urgency::now;
    Ask ask{b, block.home, block.carrier, std::nullopt, Verdict::healthy, Place::unknown};
    Explanation why = armed(ask);
    why.rule = "ready";
    const auto good_for = home.ready_since ? now - *home.ready_since : Duration{-1};
    const Duration wanted = is_hurried ? Duration{} : stable_time(block);
    require(why, good_for >= wanted, "S and C at home were not good for the stable time",
            {"stable", in_seconds(good_for), Comparison::at_least, in_seconds(wanted),
             Unit::seconds, 0, "5", true});
    require(why, has_update_budget(b, block.home, updates_at_home),
            "the updates of this hour are spent",
            {"updates", static_cast<double>(block.updates[block.home].size() + updates_at_home),
             Comparison::at_most, static_cast<double>(limits().updates_per_hour), Unit::count, 0,
             "4", true});
    if (needs_canary(b)) {
        const bool has_communities = !options.uplinks[block.home].canary_communities.empty();
        const bool is_leaky = home.canary_leaks && !has_communities;
        require(
            why, !is_leaky, "NO_EXPORT is not honoured there: no canary is possible",
            {"canary-leaks", is_leaky ? 1.0 : 0.0, Comparison::is, 0, Unit::truth, 0, "5", true});
        const bool is_shared = !has_communities && uplinks[block.carrier].shares_fate[block.home];
        require(
            why, !is_shared, "the other uplink's paths lead through home: no NO_EXPORT canary",
            {"shared-fate", is_shared ? 1.0 : 0.0, Comparison::is, 0, Unit::truth, 0, "5", true});
        const bool is_rested =
            !home.last_canary || now - *home.last_canary >= limits().canary_every;
        require(
            why, is_rested, "the last canary was a moment ago",
            {"canary-rest", home.last_canary ? in_seconds(now - *home.last_canary) : -1.0,
             Comparison::at_least, in_seconds(limits().canary_every), Unit::seconds, 0, "5", true});
    }
    if (!veto(block.home).empty() && why.missing.empty())
        why.missing = veto(block.home);
    if (is_asked)
        return why;
    const auto recent =
        std::ranges::count_if(block.returns, [&](Instant at) { return now - at < day; });
    require(why, !block.is_return_latched, "returns are latched: manual", {});
    require(why, recent < static_cast<std::ptrdiff_t>(limits().returns_per_day),
            "the returns of this day are spent",
            {"returns", static_cast<double>(recent), Comparison::below,
             static_cast<double>(limits().returns_per_day), Unit::count, 0, "4", true});
    if (is_frozen && why.missing.empty())
        why.missing = "frozen";
    if (options.mode == Mode::advise && why.missing.empty())
        why.missing = mode_is_advise;
    if (options.fail_back == FailBack::manual && why.missing.empty())
        why.missing = failback_is_manual;
    if (options.fail_back == FailBack::window && why.missing.empty())
        why.missing = "fail-back windows are not known to this version: manual";
    return why;
}

// One set at a time, the quietest first.
void Decider::Machine::consider_returns() {
    std::uint32_t returning_set = nowhere;
    for (std::uint32_t b = 0; b < block_count(); ++b)
        if (placed[b].move && placed[b].move->kind == MoveKind::failback)
            returning_set = b / 2;
    std::uint32_t quietest = nowhere;
    double least = 0;
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        const auto& block = placed[b];
        if (!block.exists || block.move || block.carrier == block.home)
            continue;
        if (returning_set != nowhere && returning_set != b / 2)
            continue;
        const bool may_ever = block.asked_home || options.fail_back == FailBack::automatic;
        if (!may_ever || !watched(block.home, b).ready_since || !ready(b).missing.empty())
            continue;
        const double rate = watched(block.carrier, b).passive.mean();
        if (quietest == nowhere || rate < least) {
            quietest = b;
            least = rate;
        }
    }
    if (quietest != nowhere)
        start_failback(quietest);
}

void Decider::Machine::start_failback(std::uint32_t b) {
    auto& block = placed[b];
    const Ask ask{b, block.home, block.carrier, std::nullopt, block.placed_by, Place::unknown};
    if (!block.asked_home)
        block.returns.push_back(now);
    while (!block.returns.empty() && now - block.returns.front() >= day)
        block.returns.pop_front();
    start_move(MoveKind::failback, ask);
}

bool Decider::Machine::step_failback(std::uint32_t b) {
    auto& block = placed[b];
    auto& move = *block.move;
    switch (move.step) {
        case MoveStep::forwarding:
            if (!block.forwarding.is_done) {
                if (now - move.asked >= limits().acknowledge) {
                    move.asked = now;
                    say_forwarding(b);
                }
                return false;
            }
            if (!needs_canary(b)) {
                climb(b, 0);
                return true;
            }
            enter(b, MoveStep::canary);
            move.canary_replies.assign(options.uplinks[move.to].sentinels.size(), 0);
            watched(move.to, b).last_canary = now;
            update_watch(move.to, b);
            {
                Announcement canary;
                canary.communities = options.uplinks[move.to].canary_communities;
                canary.is_no_export = canary.communities.empty();
                announce(b, move.to, canary);
            }
            return true;
        case MoveStep::canary:
            return step_canary(b);
        case MoveStep::stair:
            return step_stair(b);
        default:
            return false;
    }
}

// Ended at the first of: success, its time, conservation broken; hear_canary() sees the rest.
bool Decider::Machine::step_canary(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (!move.acked) {
        if (is_acked(b, move.to)) {
            move.acked = now;
        } else if (now - move.stepped >= limits().first_life) {
            fail_canary(b, "the canary was never acknowledged");
            return true;
        }
        return false;
    }
    std::uint32_t of_family = 0;
    std::uint32_t answered = 0;
    const auto& sentinels = options.uplinks[move.to].sentinels;
    for (std::size_t i = 0; i < sentinels.size(); ++i) {
        if (sentinels[i].family() != family_of(b))
            continue;
        ++of_family;
        answered += move.canary_replies[i] >= limits().canary_replies ? 1 : 0;
    }
    const auto wanted = std::max(1U, std::min(limits().canary_sentinels, of_family));
    if (answered >= wanted) {
        Explanation why = plain("canary", "passed");
        why.figures.push_back({"sentinels", static_cast<double>(answered), Comparison::at_least,
                               static_cast<double>(wanted), Unit::count,
                               static_cast<double>(of_family), "5", true});
        step_said(b, MoveStep::canary, std::move(why));
        climb(b, 0);
        return true;
    }
    if (!is_conserved(b)) {
        fail_canary(b, "inbound fell below 90 %");
        return true;
    }
    if (now - *move.acked >= limits().canary) {
        fail_canary(b, "too few replies from inside home in time");
        return true;
    }
    return false;
}

// S replies on home's port count; a reply from a target outside on home's port is a leak.
void Decider::Machine::hear_canary(std::uint32_t b, const ProbeOutcome& input) {
    auto& block = placed[b];
    if (!block.move || block.move->step != MoveStep::canary || !block.move->acked)
        return;
    auto& move = *block.move;
    if (input.sent < *move.acked || !input.arrival || uplink_of(*input.arrival) != move.to)
        return;
    if (input.probe_class == ProbeClass::sentinel) {
        if (uplink_of(input.sentinel_of) == move.to && input.sentinel < move.canary_replies.size())
            ++move.canary_replies[input.sentinel];
        return;
    }
    if (!block.announced[move.to] || !block.announced[move.to]->is_no_export)
        return;
    watched(move.to, b).canary_leaks = true;
    fail_canary(b, "NO_EXPORT is not honoured: a target outside answers by home");
}

void Decider::Machine::fail_canary(std::uint32_t b, std::string_view reason) {
    auto& block = placed[b];
    const Move move = *block.move;
    step_said(b, MoveStep::idle, plain("canary", reason));
    // The word was given for one return; a failed canary ends it. Automatic ones try again later.
    block.asked_home.reset();
    if (!block.returns.empty())
        block.returns.pop_back();
    block.move.reset();
    say(Persist{});
    choose_again(b);
    leave(b, move.to, now);
    update_watch(move.to, b);
}

// In place of what stands there: no withdrawal between the canary and the stair, nor between two
// stairs.
void Decider::Machine::climb(std::uint32_t b, std::uint32_t stair) {
    auto& block = placed[b];
    auto& move = *block.move;
    const bool is_first = stair == 0;
    move.stair = stair;
    move.acked.reset();
    if (is_first) {
        const Detector* speaker = loudest(watched(move.from, b));
        move.stair_base = speaker ? speaker->discordance() : 0;
        move.stair_score = 0;
    }
    Explanation why = plain("stair", {});
    why.figures.push_back({"stair", static_cast<double>(stair + 1), Comparison::none, 0,
                           Unit::count, last_stair + 2.0, "5", true});
    enter(b, MoveStep::stair, std::move(why));
    if (stair == last_stair) {
        set_egress(b, move.to);
        return announce(b, move.from, {.prepends = limits().prepends});
    }
    constexpr std::array<std::uint32_t, last_stair> share{3, 1, 0};  // of three
    announce(b, move.to, {.prepends = limits().prepends * share[stair] / 3});
}

bool Decider::Machine::step_stair(std::uint32_t b) {
    auto& move = *placed[b].move;
    const auto changed = move.stair == last_stair ? move.from : move.to;
    if (!move.acked) {
        if (is_acked(b, changed)) {
            move.acked = now;
        } else if (now - move.asked >= limits().acknowledge) {
            move.asked = now;
            say_announcement(b, changed);
        }
        return false;
    }
    if (calls_for_move(watched(move.to, b).verdict)) {
        abort_return(b, "home died in mid-return");
        return true;
    }
    if (!is_conserved(b)) {
        abort_return(b, "inbound fell below 90 %");
        return true;
    }
    if (move.stair_score >= limits().stair_h) {
        abort_return(b, "the block is lost more often at home");
        return true;
    }
    if (now - *move.acked < limits().stair_step)
        return false;
    if (move.stair < last_stair) {
        climb(b, move.stair + 1);
        return true;
    }
    finish(b, "home");
    placed[b].asked_home.reset();
    return true;
}

// CUSUM on B@u: q0 = baseline + 1 point, q1 = + 5.
void Decider::Machine::hear_stair(std::uint32_t u, std::uint32_t b, Detector::Control beacon) {
    auto& block = placed[b];
    if (!block.move || block.move->step != MoveStep::stair || block.move->to != u)
        return;
    auto& move = *block.move;
    const double q0 = move.stair_base + limits().stair_q0;
    const double q1 = move.stair_base + limits().stair_q1;
    const double change =
        beacon == Detector::Control::lost ? std::log(q1 / q0) : std::log((1 - q1) / (1 - q0));
    move.stair_score = std::max(move.stair_score + change, 0.0);
}

// Back down: the other uplink plain again, then home is withdrawn. The next return waits longer.
void Decider::Machine::abort_return(std::uint32_t b, std::string_view reason) {
    auto& block = placed[b];
    const Move move = *block.move;
    if (move.step == MoveStep::canary)
        return fail_canary(b, reason);
    Explanation why = plain("return aborted", reason);
    why.figures.push_back({"stair-score", move.stair_score, Comparison::below, limits().stair_h,
                           Unit::none, 0, "5", move.stair_score < limits().stair_h});
    step_said(b, MoveStep::idle, why);
    ++block.failed_returns;
    block.asked_home.reset();
    watched(move.to, b).ready_since.reset();
    const auto recent =
        std::ranges::count_if(block.returns, [&](Instant at) { return now - at < day; });
    if (recent >= static_cast<std::ptrdiff_t>(limits().returns_per_day) &&
        !block.is_return_latched) {
        block.is_return_latched = true;
        say(Said{Severity::page, id_of(move.to), name_of(b), std::move(why)}, move.cause);
    }
    block.move.reset();
    announce(b, move.from, {});
    set_egress(b, move.from);
    say(Persist{});
    choose_again(b);
    leave(b, move.to, now);
    update_watch(move.to, b);
}

// Home may have lost what was lost, until the world has heard of its withdrawal; from then on it is
// lost here.
void Decider::Machine::choose_again(std::uint32_t b) {
    auto& block = placed[b];
    block.choosing_until = now + limits().complete;
    wakeups.push_back(*block.choosing_until);
    watched(block.carrier, b).each_detector(&Detector::forget);
}

// 30 minutes after a return: who still sends by the other way?
void Decider::Machine::check_late(std::uint32_t b) {
    auto& block = placed[b];
    block.late_check.reset();
    const double all = inbound(b, std::chrono::minutes(1));
    const double late =
        watched(block.late_uplink, b).passive.rate(now, std::chrono::minutes(1)).value_or(0);
    constexpr double allowed = 0.01;
    if (all <= 0 || late <= allowed * all)
        return;
    Explanation why = plain("late packets", options.uplinks[block.late_uplink].name);
    why.figures.push_back(
        {"late-share", late / all, Comparison::at_most, allowed, Unit::ratio, 0, "5", false});
    say(Said{Severity::page, id_of(block.late_uplink), name_of(b), std::move(why)});
}

}  // namespace detour::decision
