// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Escape and planned move (detection.md section 4). Each step waits for the acknowledged fact of
// the one before; killed anywhere and started again from its State it goes on where it was.
#include <algorithm>
#include <bit>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

constexpr Duration minute = std::chrono::minutes(1);

Explanation plain(std::string_view rule, std::string_view note) {
    Explanation why;
    why.rule = rule;
    why.note = note;
    return why;
}

// Reasons for which a reply to the block by the old way means that the reason is gone.
bool is_about_path(Verdict reason) {
    return reason == Verdict::nullrouted || reason == Verdict::attacked ||
           reason == Verdict::uplink_dead || reason == Verdict::uplink_isolated;
}

}  // namespace

double Decider::Machine::inbound(std::uint32_t b, Duration length) const {
    double sum = 0;
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        sum += watched(u, b).passive.rate(now, length).value_or(0);
    return sum;
}

void Decider::Machine::step_said(std::uint32_t b, MoveStep step, Explanation why) {
    const auto& move = *placed[b].move;
    say(MoveStepped{name_of(b), id_of(move.from), id_of(move.to), move.kind, step, std::move(why)},
        move.cause);
}

void Decider::Machine::start_move(MoveKind kind, const Ask& ask) {
    auto& block = placed[ask.block];
    Move move;
    move.kind = kind;
    move.from = ask.from;
    move.to = ask.to;
    move.reason = ask.reason;
    move.place = ask.place;
    move.onset = ask.onset;
    move.began = now;
    move.reference = inbound(ask.block, minute);
    move.cause = kind == MoveKind::escape ? watched(ask.from, ask.block).cause : cause;
    block.move = move;
    block.held = {};
    block.held_said.clear();
    if (kind == MoveKind::escape) {
        block.escapes.push_back(now);
        while (now - block.escapes.front() >= std::chrono::hours(1))
            block.escapes.pop_front();
        for (const auto uplink : {ask.from, ask.to})
            if (!contains(block.tried, uplink))
                block.tried.push_back(uplink);
        if (!block.incident)
            block.incident = ask.onset;
        // A null route applied again soon after a return: that return has failed.
        if (ask.from == block.home && block.last_return &&
            now - *block.last_return <= limits().reapplied) {
            ++block.failed_returns;
            block.last_return.reset();
        }
    }
    auto why = armed(ask);
    if (ask.strength == Ask::Strength::waived) {
        Explanation page =
            plain("never announced nowhere", options.uplinks[ask.to].name + " is too small for it");
        page.figures = why.figures;
        say(Said{Severity::page, id_of(ask.to), name_of(ask.block), std::move(page)}, move.cause);
    }
    enter(ask.block, MoveStep::forwarding, std::move(why));
    advance(ask.block);
}

void Decider::Machine::enter(std::uint32_t b, MoveStep step, Explanation why) {
    auto& block = placed[b];
    auto& move = *block.move;
    move.step = step;
    move.stepped = move.asked = now;
    say(Persist{});
    if (why.rule.empty())
        why.rule = to_string(step);
    step_said(b, step, std::move(why));
    switch (step) {
        case MoveStep::forwarding:
            // A return keeps its egress until home has proven itself.
            if (move.kind != MoveKind::failback)
                block.egress = move.to;
            return say_forwarding(b);
        case MoveStep::announce:
            if (block.announced[move.to] == Announcement{})
                say_announcement(b, move.to);
            else
                announce(b, move.to, {});
            return make_way(b, move.to);
        case MoveStep::shutdown:
            return announce(b, move.from,
                            {.prepends = limits().prepends, .is_graceful_shutdown = true});
        default:
            return;
    }
}

void Decider::Machine::advance(std::uint32_t b) {
    for (int turns = 0; turns < 16 && placed[b].move; ++turns) {
        const bool has_stepped =
            placed[b].move->kind == MoveKind::failback ? step_failback(b) : step_move(b);
        if (!has_stepped)
            return;
    }
}

// One step, if its fact is there.
bool Decider::Machine::step_move(std::uint32_t b) {
    auto& move = *placed[b].move;
    switch (move.step) {
        case MoveStep::forwarding:
            return step_forwarding(b);
        case MoveStep::announce:
            return step_announce(b);
        case MoveStep::gate:
            return step_gate(b);
        case MoveStep::overlap:
        case MoveStep::shutdown:
            return step_overlap(b);
        case MoveStep::withdraw:
            if (!withdraw(b, move.from))
                return false;
            set_carrier(b, move.to, move.reason);
            close_dead_session(move.from, move.reason);
            enter(b, MoveStep::life);
            return true;
        case MoveStep::life:
        case MoveStep::complete:
            return step_verify(b);
        default:
            return false;
    }
}

bool Decider::Machine::step_forwarding(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (placed[b].forwarding.is_done) {
        enter(b, MoveStep::announce);
        return true;
    }
    if (now - move.asked >= limits().acknowledge) {
        move.asked = now;
        say_forwarding(b);
    }
    return false;
}

bool Decider::Machine::step_announce(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (is_acked(b, move.to)) {
        move.acked = now;
        enter(b, move.kind == MoveKind::planned ? MoveStep::overlap : MoveStep::gate);
        return true;
    }
    if (move.kind == MoveKind::escape && is_old_way_back(b)) {
        std::erase(placed[b].tried, move.to);  // nothing speaks against it
        give_back(b, "the old way answers again");
        return true;
    }
    // After a restart the session has to come back before anything can be acknowledged.
    const auto& of = way(move.to, family_of(b));
    if (of.session != SessionState::established)
        return false;
    if (now - std::max(move.stepped, of.session_changed) >= limits().first_life) {
        give_back(b, "the announcement was never acknowledged");
        return true;
    }
    if (now - move.asked >= limits().acknowledge) {
        move.asked = now;
        say_announcement(b, move.to);
    }
    return false;
}

// Both announce: plainly, then with GRACEFUL_SHUTDOWN and prepends on u. Without life on v by then
// it is given one more overlap to show it.
bool Decider::Machine::step_overlap(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (!is_conserved(b)) {
        give_back(b, "inbound fell below 90 % while both announced");
        return true;
    }
    const bool is_first = move.step == MoveStep::overlap;
    const int overlaps = is_first || move.has_life ? 1 : 2;
    if (now - move.stepped < limits().overlap * overlaps || !is_acked(b, move.from))
        return false;
    enter(b, is_first ? MoveStep::shutdown : MoveStep::withdraw);
    return true;
}

// Section 6: if TCP still passes on UPLINK-DEAD send Cease, once nothing is announced there.
void Decider::Machine::close_dead_session(std::uint32_t u, Verdict reason) {
    if (reason != Verdict::uplink_dead)
        return;
    bool is_spoken_to = false;
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (placed[b].exists && placed[b].announced[u])
            return;
        is_spoken_to |=
            placed[b].exists && way(u, family_of(b)).session == SessionState::established;
    }
    if (is_spoken_to)
        say(CeaseSession{id_of(u)});
}

// Section 4, step 3: withdraw when TCP has acknowledged and the gate has passed, or at first life.
bool Decider::Machine::step_gate(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (is_old_way_back(b)) {
        std::erase(placed[b].tried, move.to);  // nothing speaks against it
        give_back(b, "the old way answers again");
        return true;
    }
    if (!move.has_life && now - *move.acked < limits().gate)
        return false;
    enter(b, MoveStep::withdraw);
    return true;
}

// What the escape fled from is over.
bool Decider::Machine::is_old_way_back(std::uint32_t b) const {
    const auto& move = *placed[b].move;
    return is_about_path(move.reason)
               ? std::popcount(move.old_life) >= 2
               : way(move.from, family_of(b)).session == SessionState::established;
}

// Its verdict says so; or it was not heard since the incident began: after a restart there is no
// verdict on a block that was dead before.
bool Decider::Machine::is_old_way_dead(std::uint32_t b) const {
    const auto& block = placed[b];
    const auto& watch = watched(block.carrier, b);
    return is_about_path(watch.verdict) ||
           (block.incident && !watch.beacon.is_good_since(*block.incident));
}

bool Decider::Machine::step_verify(std::uint32_t b) {
    auto& move = *placed[b].move;
    if (!move.acked) {
        // After a restart the time of first life begins when session and route are up again. Where
        // that does not come about, the block must not wait for it announced nowhere.
        if (!is_live(b, move.to)) {
            if (now >= *started + std::max(limits().startup_grace, limits().first_life))
                keep_announced(b);
            return false;
        }
        move.acked = now;
    }
    // Until u was withdrawn the world may have gone on choosing it: life by v is waited for from
    // then on, however long the gate was.
    const Instant announced = std::max(*move.acked, move.stepped);
    if (move.step == MoveStep::life) {
        if (move.has_life) {
            enter(b, MoveStep::complete);
            return true;
        }
        if (now - announced < limits().first_life)
            return false;
        no_life(b);
        return true;
    }
    const auto count = target_count(family_of(b));
    const auto alive = static_cast<double>(std::popcount(move.life));
    if (alive + 1e-9 >= limits().breadth * std::min(count, 64U)) {
        finish(b, "complete");
        return true;
    }
    if (now - announced < limits().complete)
        return false;
    Explanation why = plain("complete", "targets without a reply by the new way:");
    why.figures.push_back({"targets", alive, Comparison::at_least, limits().breadth * count,
                           Unit::count, static_cast<double>(count), "4", false});
    std::uint32_t index = 0;
    for (const auto& target : options.targets) {
        if (target.family != family_of(b))
            continue;
        if ((move.life >> index++ % 64 & 1) == 0)
            why.note += " " + std::to_string(target.id.value);
    }
    say(Said{Severity::page, id_of(move.to), name_of(b), std::move(why)}, move.cause);
    finish(b, "incomplete");
    return true;
}

// The block is announced where it was, and nowhere else as soon as that is acknowledged.
void Decider::Machine::give_back(std::uint32_t b, std::string_view reason) {
    auto& block = placed[b];
    const Move move = *block.move;
    step_said(b, MoveStep::idle, plain("given back", reason));
    block.move.reset();
    announce(b, move.from, {});
    set_egress(b, move.from);
    set_carrier(b, move.from, block.placed_by);
    say(Persist{});
    leave(b, move.to, now);
    if (move.kind != MoveKind::planned)
        evaluate(move.from, b);
}

// No B@v within 90 s: announced on u as well; v stays ten minutes, lest it be damped; the next.
void Decider::Machine::no_life(std::uint32_t b) {
    auto& block = placed[b];
    const Move move = *block.move;
    step_said(b, MoveStep::both, plain("first life", "no reply came by the new way"));
    say(Said{Severity::page, id_of(move.to), name_of(b),
             plain("first life", "no reply came by the new way; announced on both")},
        move.cause);
    block.move.reset();
    announce(b, move.from, {});
    set_egress(b, move.from);
    set_carrier(b, move.from, block.placed_by);
    say(Persist{});
    leave(b, move.to, now + limits().damping);
    evaluate(move.from, b);
}

void Decider::Machine::finish(std::uint32_t b, std::string_view how) {
    auto& block = placed[b];
    const Move move = *block.move;
    step_said(b, MoveStep::idle, plain("finished", how));
    block.move.reset();
    announce(b, move.to, {});
    set_egress(b, move.to);
    set_carrier(b, move.to, move.reason);
    if (move.to == block.home) {
        block.tried.clear();
        block.incident.reset();
        block.is_return_latched = false;
        block.placed_by = Verdict::healthy;
    }
    if (move.kind == MoveKind::planned)
        block.is_return_latched = move.to != block.home;  // an operator's word is not undone
    if (move.kind == MoveKind::failback) {
        block.last_return = now;
        block.late_check = now + std::chrono::minutes(30);
        block.late_uplink = move.from;
        watched(move.to, b).has_sentinel_latch = false;
    }
    say(Persist{});
    leave(b, move.from, now);
}

// A reply to B of the block came in by `arrival`.
void Decider::Machine::hear_life(std::uint32_t b, std::uint32_t arrival, std::uint32_t target,
                                 Instant sent) {
    auto& block = placed[b];
    const std::uint64_t bit = std::uint64_t{1} << target % 64;
    if (!block.move) {
        // Late life where a move had given up, while the old way is still dead: take it.
        const bool is_left = std::ranges::any_of(
            block.leaving, [&](const Leaving& each) { return each.uplink == arrival; });
        if (!is_left || arrival == block.carrier || !is_old_way_dead(b) ||
            options.mode == Mode::advise || is_frozen || !is_live(b, arrival))
            return;
        const auto verdict = watched(block.carrier, b).verdict;
        Move move;
        move.from = block.carrier;
        move.to = arrival;
        move.reason = verdict;
        move.began = now;
        move.acked = now;
        move.has_life = true;
        move.life = bit;
        move.cause = cause;
        block.move = move;
        block.egress = arrival;
        say_forwarding(b);
        return enter(b, MoveStep::withdraw, plain("first life", "late"));
    }
    auto& move = *block.move;
    const bool is_verifying = move.step >= MoveStep::announce && move.step <= MoveStep::complete;
    if (move.kind == MoveKind::failback || !is_verifying)
        return;
    if (arrival == move.to) {
        move.has_life = true;
        move.life |= bit;
    } else if (arrival == move.from && sent >= move.began) {
        move.old_life |= bit;
    }
}

// In the same turn: before first life the old way is announced again; with nothing else left,
// wherever the block was before.
void Decider::Machine::session_fell(std::uint32_t u, Family family) {
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        auto& block = placed[b];
        if (!block.exists || family_of(b) != family || !block.announced[u])
            continue;
        if (block.move && block.move->to == u && block.move->step > MoveStep::forwarding) {
            if (block.move->kind == MoveKind::failback)
                abort_return(b, "the session of home fell");
            else if (!block.move->has_life)
                give_back(b, "the session of the new uplink fell before first life");
            else
                finish(b, "the session of the new uplink fell after first life");
        }
        // On the only uplink left: the old ones, unless SESSION-DOWN finds a better one now.
        block.said[u].is_done = false;
        if (block.carrier == u && !block.tried.empty()) {
            evaluate(u, b);
            if (!block.move)
                keep_announced(b);
        }
    }
}

// Inbound of p on u+v below 90 % of the minute before for 3 s, where there was enough to tell.
bool Decider::Machine::is_conserved(std::uint32_t b) {
    auto& move = *placed[b].move;
    // What the box itself does not hear says nothing about the world.
    const auto is_deaf = [&](std::uint32_t u) {
        const auto verdict = watched(u, b).verdict;
        return verdict == Verdict::local_fault || verdict == Verdict::dataplane_down;
    };
    if (move.reference < limits().conservation_rate || is_deaf(move.from) || is_deaf(move.to)) {
        move.short_since.reset();
        return true;
    }
    const double rate = inbound(b, std::chrono::seconds(2));
    if (rate >= limits().conservation * move.reference) {
        move.short_since.reset();
        return true;
    }
    if (!move.short_since)
        move.short_since = now;
    return now - *move.short_since < limits().conservation_for;
}

std::optional<Instant> Decider::Machine::step_deadline(const Placed& block) const {
    if (!block.move)
        return std::nullopt;
    const auto& move = *block.move;
    const Instant announced = move.acked.value_or(move.stepped);
    switch (move.step) {
        case MoveStep::forwarding:
        case MoveStep::announce:
            return move.asked + limits().acknowledge;
        case MoveStep::gate:
            return announced + limits().gate;
        case MoveStep::overlap:
            return move.stepped + limits().overlap;
        case MoveStep::shutdown:
            return move.stepped + limits().overlap * (move.has_life ? 1 : 2);
        case MoveStep::withdraw:
            return move.stepped + limits().acknowledge;
        case MoveStep::life:
        case MoveStep::complete:
            if (!move.acked)
                return *started + std::max(limits().startup_grace, limits().first_life);
            return std::max(*move.acked, move.stepped) +
                   (move.step == MoveStep::life ? limits().first_life : limits().complete);
        case MoveStep::canary:
            return move.acked ? *move.acked + limits().canary : move.asked + limits().acknowledge;
        case MoveStep::stair:
            return move.acked ? *move.acked + limits().stair_step
                              : move.asked + limits().acknowledge;
        case MoveStep::idle:
        case MoveStep::both:
            break;
    }
    return std::nullopt;
}

}  // namespace detour::decision
