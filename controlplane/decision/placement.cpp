// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The only place where a block is announced, withdrawn or sent another way. What would leave it
// announced nowhere cannot be said here: withdraw() refuses until another neighbour has just
// acknowledged it, and leave() waits until it may.
#include <algorithm>
#include <cassert>

#include "controlplane/decision/brain.h"

namespace detour::decision {

void Decider::Machine::say_announcement(std::uint32_t b, std::uint32_t u) {
    auto& block = placed[b];
    block.said[u] = {say(SetAnnouncement{id_of(u), name_of(b), block.announced[u]},
                         watched(block.carrier, b).cause),
                     false};
}

void Decider::Machine::announce(std::uint32_t b, std::uint32_t u,
                                const Announcement& announcement) {
    auto& block = placed[b];
    std::erase_if(block.leaving, [&](const Leaving& leaving) { return leaving.uplink == u; });
    if (block.announced[u] == announcement)
        return;
    block.announced[u] = announcement;
    auto& updates = block.updates[u];
    updates.push_back(now);
    while (now - updates.front() >= std::chrono::hours(1))
        updates.pop_front();
    // Not in an escape: there the old way is known to be dead, and must stay known.
    if (block.move && block.move->kind != MoveKind::escape)
        for (std::uint32_t each = 0; each < uplink_count(); ++each)
            unsettle(each, b);
    say_announcement(b, u);
    update_watch(u, b);
    evaluate(u, b);
}

bool Decider::Machine::is_acked(std::uint32_t b, std::uint32_t u) const {
    return placed[b].said[u].is_done;
}

// Announced there for everybody, acknowledged by TCP, and the session stands: also where a link
// that is down has not ended it yet.
bool Decider::Machine::is_live(std::uint32_t b, std::uint32_t u) const {
    const auto& announcement = placed[b].announced[u];
    return announcement && !announcement->is_no_export && is_acked(b, u) && uplinks[u].is_link_up &&
           way(u, family_of(b)).session == SessionState::established;
}

// And this is known now. A neighbour that lost carrier or BFD for a moment may have dropped the
// session with its routes, and our TCP hears of that only when it speaks: an acknowledgement from
// before says nothing, and one that is older than the armed age may be from before what nobody has
// told yet.
bool Decider::Machine::is_proven_live(std::uint32_t b, std::uint32_t u) const {
    const Instant shaken = std::max(uplinks[u].link_changed, uplinks[u].bfd_changed);
    const Instant done = placed[b].said[u].done;
    return is_live(b, u) && done >= shaken && now - done <= limits().armed_age;
}

// Says once more what stands elsewhere, to be acknowledged anew. A session that is none ends of it.
void Decider::Machine::prove_live(std::uint32_t b, std::uint32_t u) {
    auto& block = placed[b];
    for (std::uint32_t other = 0; other < uplink_count(); ++other)
        if (other != u && is_live(b, other))
            block.said[other] = {
                say(SetAnnouncement{id_of(other), name_of(b), block.announced[other], true},
                    watched(block.carrier, b).cause)};
}

// Where the session has ended nothing is taken from the world: that needs no fresh word.
bool Decider::Machine::can_withdraw(std::uint32_t b, std::uint32_t u) const {
    const auto session = way(u, family_of(b)).session;
    const bool has_ended = session == SessionState::down || session == SessionState::down_refused;
    for (std::uint32_t other = 0; other < uplink_count(); ++other)
        if (other != u && (has_ended ? is_live(b, other) : is_proven_live(b, other)))
            return true;
    return false;
}

bool Decider::Machine::withdraw(std::uint32_t b, std::uint32_t u) {
    auto& block = placed[b];
    if (!block.announced[u])
        return true;
    if (!can_withdraw(b, u)) {
        prove_live(b, u);
        return false;
    }
    block.announced[u].reset();
    block.updates[u].push_back(now);
    say(Persist{});
    say_announcement(b, u);
    update_watch(u, b);
    evaluate(u, b);
    return true;
}

void Decider::Machine::leave(std::uint32_t b, std::uint32_t u, Instant not_before) {
    auto& leaving = placed[b].leaving;
    std::erase_if(leaving, [&](const Leaving& each) { return each.uplink == u; });
    if (placed[b].announced[u])
        leaving.push_back({u, not_before});
    run_leaving(b);
}

// What stays announced only for damping's sake must not draw the block from the uplink that takes
// it.
void Decider::Machine::make_way(std::uint32_t b, std::uint32_t to) {
    auto& block = placed[b];
    const auto leaving = block.leaving;
    for (const auto& each : leaving)
        if (each.uplink != to && block.announced[each.uplink])
            announce(b, each.uplink, {.prepends = limits().prepends});
    block.leaving = leaving;
}

// Half alive where it is carried, and it answers here: those who reach it may reach it here alone.
bool Decider::Machine::is_needed(std::uint32_t b, std::uint32_t u) const {
    const auto carrier = placed[b].carrier;
    return u != carrier && watched(carrier, b).verdict == Verdict::partial &&
           watched(u, b).beacon.is_good_since(now - limits().armed_age);
}

void Decider::Machine::run_leaving(std::uint32_t b) {
    auto& block = placed[b];
    const auto due = block.leaving;
    for (const auto& leaving : due) {
        if (leaving.not_before > now || is_needed(b, leaving.uplink) ||
            !withdraw(b, leaving.uplink))
            continue;
        std::erase_if(block.leaving,
                      [&](const Leaving& each) { return each.uplink == leaving.uplink; });
        if (block.egress != leaving.uplink)
            continue;
        const bool is_escaping = block.move && block.move->kind != MoveKind::failback;
        set_egress(b, is_escaping ? block.move->to : block.carrier);
    }
}

void Decider::Machine::say_forwarding(std::uint32_t b) {
    auto& block = placed[b];
    SetForwarding forwarding{name_of(b), id_of(block.egress), {}};
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        if (carries(u, family_of(b)))
            forwarding.accept.push_back(id_of(u));
    block.forwarding = {say(std::move(forwarding), watched(block.carrier, b).cause), false};
}

void Decider::Machine::set_egress(std::uint32_t b, std::uint32_t u) {
    if (placed[b].egress == u)
        return;
    placed[b].egress = u;
    say_forwarding(b);
}

void Decider::Machine::set_carrier(std::uint32_t b, std::uint32_t u, Verdict reason) {
    auto& block = placed[b];
    if (block.carrier == u)
        return;
    block.carrier = u;
    block.placed_by = reason;
    block.since = now;
    block.held = {};
    block.held_said.clear();
    say(SetCarried{name_of(b), id_of(u)});
}

// The last resort: none of the sessions on which it is announced stands. Where it was announced
// before in this incident, or at home, it is announced again, until the uplink that carries it is
// back.
void Decider::Machine::keep_announced(std::uint32_t b) {
    auto& block = placed[b];
    const auto family = family_of(b);
    const auto stands = [&](std::uint32_t u) {
        return way(u, family).session == SessionState::established;
    };
    if (is_announced_somewhere(b))
        return;
    for (std::uint32_t u = 0; u < uplink_count(); ++u) {
        const bool was_there =
            u == block.home || contains(block.tried, u) || (block.move && block.move->from == u);
        if (!was_there || !stands(u))
            continue;
        announce(b, u, {});
        set_egress(b, u);
        if (u != block.carrier)
            block.leaving.push_back({u, now});
        say(Persist{});
        Explanation why;
        why.rule = "never announced nowhere";
        why.note = options.uplinks[u].name;
        say(Said{Severity::page, id_of(u), name_of(b), std::move(why)});
    }
}

}  // namespace detour::decision
