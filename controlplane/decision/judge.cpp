// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The facts of one (uplink, block), the verdict read from them, and what a verdict sets off.
#include <algorithm>
#include <cmath>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

ClassFacts class_facts(const Silence& silence, const LastTen& ten, bool is_dead) {
    return {.is_known = ten.count() != 0,
            .is_good = ten.is_good(),
            .is_lossy = ten.is_lossy(),
            .is_failing = ten.is_failing(),
            .is_dead = is_dead,
            .loss = ten.loss(),
            .silent = silence.span()};
}

// Verdicts between which the windows of an announced block wander.
bool is_everyday(Verdict verdict) {
    return verdict == Verdict::healthy || verdict == Verdict::unclear ||
           verdict == Verdict::control_bad || verdict == Verdict::sentinel_bad ||
           verdict == Verdict::unseen;
}

}  // namespace

// Nothing good for T_min, over enough targets to be no matter of one of them.
bool Decider::Machine::is_dead(const Silence& silence, Family family) const {
    const auto count = target_count(family);
    if (silence.span() < limits().t_min || count == 0)
        return false;
    return silence.target_count() + 1e-9 >= limits().breadth * std::min(count, 64U);
}

bool Decider::Machine::are_links_down() const {
    Instant first = Instant::max();
    Instant last = Instant::min();
    for (const auto& uplink : uplinks) {
        if (uplink.is_link_up)
            return false;
        first = std::min(first, uplink.link_changed);
        last = std::max(last, uplink.link_changed);
    }
    // None was up since the start: while they come up nobody knows yet, and that is no fault.
    if (std::ranges::none_of(uplinks, &Uplink::has_been_up))
        return started && now >= *started + limits().startup_grace;
    return last - first <= limits().twins_together;
}

const Detector* Decider::Machine::loudest(const Watched& watch) const {
    const Detector* found = nullptr;
    for (const auto& each : watch.detectors)
        if (!found || each.score() > found->score())
            found = &each;
    return found;
}

// What fell is told late: a carrier up to a second, a session when its hold time has passed, up to
// a third of it after the neighbour's own. What went silent shortly before belongs to the same
// onset.
Instant Decider::Machine::first_sign(std::uint32_t u, std::uint32_t b, Instant told) const {
    constexpr Duration shortly = std::chrono::minutes(2);
    Instant first = told;
    for (const auto silent : {watched(u, b).beacon.onset(), way(u, family_of(b)).proof.onset()})
        if (silent && *silent >= told - shortly)
            first = std::min(first, *silent);
    return first;
}

std::optional<Instant> Decider::Machine::onset(std::uint32_t u, std::uint32_t b) const {
    const auto& watch = watched(u, b);
    const auto& of = way(u, family_of(b));
    if (!uplinks[u].is_link_up)
        return first_sign(u, b, uplinks[u].link_changed);
    if (uplinks[u].bfd_down)
        return first_sign(u, b, *uplinks[u].bfd_down);
    if (of.session == SessionState::down || of.session == SessionState::down_refused)
        return first_sign(u, b, of.session_changed);
    if (const Detector* speaker = loudest(watch); speaker && speaker->is_running())
        if (const auto first_lost = speaker->findings(of.counted.tally).onset)
            return first_lost;
    if (watch.beacon.onset())
        return watch.beacon.onset();
    return of.control.onset();
}

SentinelFacts Decider::Machine::sentinel(const Watched& watch, std::optional<Instant> onset) const {
    if (!onset)
        return watch.sentinel_ten.is_good() ? SentinelFacts::good : SentinelFacts::unknown;
    // S that failed long before the onset has nothing to say about it. A reply after the onset
    // counts only while S goes on answering: the first lost pair may have been an ordinary loss.
    constexpr std::uint32_t enough = 3;
    const auto failed_since = watch.sentinel.onset();
    const bool is_fresh = failed_since && *failed_since >= *onset - limits().armed_age;
    if (is_fresh && watch.sentinel.losses() >= enough)
        return SentinelFacts::failed;
    if (watch.sentinel.losses() <= 1 && watch.sentinel.is_good_since(*onset))
        return SentinelFacts::good;
    return SentinelFacts::unknown;
}

// LOCAL-FAULT: C, B, S and the traffic of this uplink, and C and T of all others, ended together.
bool Decider::Machine::are_all_dead(std::uint32_t u, std::uint32_t b, Instant since) const {
    if (uplink_count() < 2)
        return false;
    const auto& watch = watched(u, b);
    // What has not been heard since the start did not end: paths and sessions are still coming up.
    if (started && !watch.beacon.is_good_since(*started) &&
        !way(u, family_of(b)).control.is_good_since(*started))
        return false;
    if (sentinel(watch, since) == SentinelFacts::good)
        return false;
    for (std::uint32_t other = 0; other < uplink_count(); ++other) {
        if (other == u)
            continue;
        const auto& proof = way(other, family_of(b)).proof;
        const auto silent = proof.onset();
        if (!uplinks[other].is_link_up)
            continue;
        const bool is_together = silent && *silent >= since - limits().armed_age;
        if (!is_together || proof.losses() < 2 || proof.is_good_since(since))
            return false;
    }
    return true;
}

Facts Decider::Machine::facts(std::uint32_t u, std::uint32_t b) {
    auto& watch = watched(u, b);
    const auto family = family_of(b);
    const auto& of = way(u, family);
    const auto& uplink = uplinks[u];
    Facts f;
    f.now = now;
    f.is_telemetry_lost = is_telemetry_lost;
    f.are_links_down = are_links_down();
    f.is_announced = placed[b].announced[u].has_value();
    f.is_world_choosing = placed[b].choosing_until && now < *placed[b].choosing_until;
    f.is_link_up = uplink.is_link_up;
    f.is_link_settling = !uplink.is_link_up && now < uplink.link_changed + limits().twins_together;
    f.is_bfd_down = uplink.bfd_down && !watch.beacon.is_good_since(*uplink.bfd_down);
    f.session = of.session;
    f.has_session = options.uplinks[u].has_session;
    f.utilisation = uplink.utilisation;
    f.origin = placed[b].origin;
    f.foreign_origin = placed[b].foreign_origin;
    f.is_blackhole_told = watch.blackhole.has_value();
    f.veto = veto(u);
    f.onset = onset(u, b);
    f.control = class_facts(of.control, of.control_ten, is_dead(of.control, family));
    f.beacon = class_facts(watch.beacon, watch.beacon_ten, is_dead(watch.beacon, family));
    f.sentinel_window = class_facts(watch.sentinel, watch.sentinel_ten, false);
    // Null-routed again after a move that came to nothing: S has been failing since the first time.
    const auto& incident = placed[b].incident;
    f.sentinel = sentinel(watch, incident && f.onset ? std::min(*incident, *f.onset) : f.onset);
    if (const auto good = watch.beacon.last_good())
        f.beacon_age = now - *good;
    f.good_controls = of.good_controls;
    f.good_beacons = watch.good_beacons;
    f.is_half_dead = watch.half_since && now - *watch.half_since >= 2 * limits().t_min;
    f.half_dead_note = "some beacons or targets answer, others do not, and C is good";
    if (const Detector* speaker = loudest(watch))
        f.findings = speaker->findings(of.counted.tally);
    if (f.onset)
        f.second = second_kind(u, b, *f.onset);
    add_other_uplinks(f, u, family);
    if (f.onset)
        add_passive(f, u, b);
    return f;
}

void Decider::Machine::add_other_uplinks(Facts& f, std::uint32_t u, Family family) const {
    for (std::uint32_t other = 0; other < uplink_count(); ++other) {
        if (other == u || !uplinks[other].is_link_up)
            continue;
        const auto good = way(other, family).proof.last_good();
        if (!good || now - *good > limits().armed_age)
            continue;
        f.is_tunnel_good = true;
        f.is_tunnel_good_since |= f.onset && *good >= *f.onset;
    }
}

// Traffic since the onset, of this block and of all blocks on the uplink together.
void Decider::Machine::add_passive(Facts& f, std::uint32_t u, std::uint32_t b) {
    auto& passive = watched(u, b).passive;
    const Instant quiet = std::max(f.findings.quiet.value_or(*f.onset),
                                   f.second.silent_since.value_or(Instant::min()));
    f.passive = passive.findings(*f.onset, quiet);
    if (f.findings.score >= limits().h)
        f.attack = passive.attack(*f.onset);
    // The time before a move here is no baseline of what comes since.
    const auto& block = placed[b];
    const bool has_baseline =
        block.since <= *started || now - block.since >= limits().passive_before;
    if (has_baseline && f.control.is_lossy && f.beacon.is_lossy &&
        f.passive.before >= limits().passive_absent)
        f.inbound_ratio = passive.rate(now, std::chrono::seconds(5)).value_or(0) / f.passive.before;
    double before = 0, since = 0;
    f.are_all_beacons_dead = true;
    for (std::uint32_t each = 0; each < block_count(); ++each) {
        if (!placed[each].exists || !placed[each].announced[u])
            continue;
        auto& neighbour = watched(u, each);
        f.are_all_beacons_dead &= is_dead(neighbour.beacon, family_of(each));
        const auto found = neighbour.passive.findings(*f.onset, quiet);
        if (found.band == Band::unknown || found.band == Band::absent)
            continue;
        before += found.before;
        since += found.since;
    }
    f.is_inbound_dead = before >= limits().passive_absent && since < limits().passive_dead * before;
    const bool is_alive = f.passive.band == Band::normal || f.passive.band == Band::partial;
    if (f.control.is_dead && f.beacon.is_dead && !is_alive)
        f.are_all_dead = are_all_dead(u, b, *f.onset);
}

// The ordinary moment, thousands of times an hour: HEALTHY, and nothing that could change it.
bool Decider::Machine::is_quiet(std::uint32_t u, std::uint32_t b) const {
    const auto& watch = watched(u, b);
    const auto& of = way(u, family_of(b));
    return watch.verdict == Verdict::healthy && !is_telemetry_lost && uplinks[u].is_link_up &&
           !uplinks[u].bfd_down && of.session == SessionState::established &&
           placed[b].origin == OriginState::State::fine && !watch.half_since &&
           !of.control_ten.is_lossy() && !watch.beacon_ten.is_lossy() &&
           !watch.sentinel_ten.is_failing() && watch.beacon.losses() < 4 &&
           of.control.losses() < 4 && placed[b].announced[u] &&
           std::ranges::none_of(watch.detectors, &Detector::is_suspicious);
}

// Windows of ten come and go with single probes, and would fill the journal with verdicts and their
// ends: how long what is read instead must last before it is said. CONGESTED and PARTIAL are one
// state of affairs until they were not seen for an armed age. The first verdict is said at once.
Duration Decider::Machine::patience(const Watched& watch, Verdict next) const {
    const bool is_soft = watch.verdict == Verdict::congested || watch.verdict == Verdict::partial;
    if (is_soft && next != Verdict::away && is_calm(next))
        return limits().armed_age;
    const bool is_first = watch.cause == CauseId{};
    return !is_first && is_everyday(watch.verdict) && is_everyday(next) ? limits().t_min / 2
                                                                        : Duration{};
}

// The first uplink to answer after a LOCAL-FAULT is a moment ahead of the others; that must not
// look as if only they were dead. What was lost until now is void.
void Decider::Machine::revive() {
    for (auto& watch : watches)
        if (watch.verdict == Verdict::local_fault)
            watch.verdict = Verdict::unclear;
    forget_evidence();
    void_until = now + limits().t_min;
    void_reason = "everything was dead a moment ago";
    wakeups.push_back(*void_until);
    evaluate_all();
}

void Decider::Machine::evaluate(std::uint32_t u, std::uint32_t b) {
    if (!is_started || !placed[b].exists)
        return;
    auto& watch = watched(u, b);
    if (is_quiet(u, b)) {
        watch.doubted.reset();
        return;
    }
    const Facts f = facts(u, b);
    // For 50 ms nobody knows whether it is this link or all of them.
    if (f.is_link_settling && !f.are_links_down && !f.is_telemetry_lost)
        return;
    Judgement judgement = judge(f, limits());
    // S that answers again is the end of the null route: no word on another place, which would let
    // the block leave through the very provider that has dropped it.
    if (judgement.verdict == watch.verdict && watch.place == Place::inside)
        judgement.place = Place::inside;
    if (watch.verdict == Verdict::local_fault && judgement.verdict != Verdict::local_fault)
        return revive();
    const bool is_other = judgement.verdict != watch.verdict || judgement.place != watch.place;
    if (!is_other)
        watch.doubted.reset();
    else if (!watch.doubted)
        watch.doubted = now;
    if (is_other && now - *watch.doubted >= patience(watch, judgement.verdict)) {
        VerdictChanged changed{id_of(u),          name_of(b),      watch.verdict,
                               judgement.verdict, judgement.place, explain(f, limits(), judgement)};
        watch.verdict = judgement.verdict;
        watch.place = judgement.place;
        watch.since = now;
        watch.doubted.reset();
        watch.cause = cause;
        watch.why = changed.why;
        if (judgement.verdict == Verdict::nullrouted || judgement.verdict == Verdict::attacked)
            watch.has_sentinel_latch =
                judgement.place == Place::inside ||
                (watch.has_sentinel_latch && judgement.place == Place::unknown);
        say(std::move(changed), watch.onset_cause);
        localise(u, b);
        raise(u, b);
        if (watch.verdict == Verdict::healthy || !is_calm(watch.verdict))
            save_at = now;
    }
    auto& block = placed[b];
    // Home is well again: the incident is over.
    if (u == block.home && u == block.carrier && watch.verdict == Verdict::healthy && !block.move &&
        block.leaving.empty()) {
        block.tried.clear();
        block.incident.reset();
    }
    if (u == block.carrier)
        consider(b);
}

// The rows that the table answers with words alone. Once for a block, where it is carried.
void Decider::Machine::raise(std::uint32_t u, std::uint32_t b) {
    const auto verdict = watched(u, b).verdict;
    const bool is_page = verdict == Verdict::local_fault || verdict == Verdict::roa_invalid ||
                         verdict == Verdict::hijack;
    const bool is_warning = verdict == Verdict::probe_filtered || verdict == Verdict::control_bad ||
                            verdict == Verdict::sentinel_bad;
    if (u == placed[b].carrier && (is_page || is_warning))
        say(Said{is_page ? Severity::page : Severity::warning, id_of(u), name_of(b),
                 watched(u, b).why},
            watched(u, b).cause);
}

// Where do they vanish? On every uplink that can be asked, when the verdict is about packets.
void Decider::Machine::localise(std::uint32_t u, std::uint32_t b) {
    constexpr Duration often_enough = std::chrono::minutes(5);
    const auto verdict = watched(u, b).verdict;
    const bool is_about_packets = verdict == Verdict::nullrouted || verdict == Verdict::attacked ||
                                  verdict == Verdict::partial || verdict == Verdict::uplink_dead ||
                                  verdict == Verdict::uplink_isolated ||
                                  verdict == Verdict::congested;
    auto& last = placed[b].localised;
    if (!is_about_packets || (last && now - *last < often_enough))
        return;
    last = now;
    for (std::uint32_t each = 0; each < uplink_count(); ++each)
        if (uplinks[each].is_link_up && carries(each, family_of(b)))
            say(Localise{id_of(each), name_of(b)}, watched(u, b).cause);
}

void Decider::Machine::evaluate_uplink(std::uint32_t u) {
    for (std::uint32_t b = 0; b < block_count(); ++b)
        evaluate(u, b);
}

void Decider::Machine::evaluate_all() {
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        evaluate_uplink(u);
}

void Decider::Machine::update_watch(std::uint32_t u, std::uint32_t b) {
    auto& watch = watched(u, b);
    const auto& block = placed[b];
    Watch wanted = Watch::away;
    const bool is_running = std::ranges::any_of(watch.detectors, &Detector::is_running);
    const bool is_suspicious = std::ranges::any_of(watch.detectors, &Detector::is_suspicious);
    if (block.move && block.move->step == MoveStep::canary && block.move->to == u)
        wanted = Watch::canary;
    else if (block.announced[u])
        wanted = is_suspicious || (watch.watch == Watch::suspect && is_running) ? Watch::suspect
                                                                                : Watch::watched;
    if (wanted == watch.watch)
        return;
    if (watch.watch == Watch::away)
        forget_old_times(u, b);
    watch.watch = wanted;
    say(SetWatch{id_of(u), name_of(b), wanted}, watch.onset_cause);
}

// What was heard before it was announced here belongs to another time. C too, if it was not asked
// since: it goes out beside B only.
void Decider::Machine::forget_old_times(std::uint32_t u, std::uint32_t b) {
    auto& watch = watched(u, b);
    watch.each_detector(&Detector::forget);
    watch.beacon.reset();
    watch.beacon_ten.reset();
    for (auto* list : {&watch.target_ten, &watch.beacon_tens})
        for (auto& each : *list)
            each.reset();
    watch.half_since.reset();
    const auto family = family_of(b);
    for (std::uint32_t other = 0; other < block_count(); ++other)
        if (placed[other].exists && family_of(other) == family &&
            watched(u, other).watch != Watch::away)
            return;
    way(u, family).control.reset();
    way(u, family).control_ten.reset();
}

// The world may choose another way now: what is lost then may be lost there. Nobody speaks about
// this uplink until he has answered by it again.
void Decider::Machine::unsettle(std::uint32_t u, std::uint32_t b) {
    watched(u, b).each_detector(&Detector::unsettle);
}

// In mid-return: B came by home since the other uplink went silent.
bool Decider::Machine::has_home_answered(std::uint32_t b) const {
    const auto& move = *placed[b].move;
    const auto silent = onset(move.from, b).value_or(watched(move.from, b).since);
    return watched(move.to, b).beacon.is_good_since(silent);
}

// The verdict on where the block is carried: does it call for a move, and may we?
void Decider::Machine::consider(std::uint32_t b) {
    auto& block = placed[b];
    const auto from = block.carrier;
    const auto& watch = watched(from, b);
    if (block.move) {
        // Home answers and the way out dies in the middle of a return: finish it at once.
        if (block.move->kind == MoveKind::failback && calls_for_move(watch.verdict)) {
            if (block.move->step == MoveStep::stair && has_home_answered(b))
                return finish(b, "the other uplink died in mid-return");
            abort_return(b, "the other uplink died in mid-return");
        } else {
            return;
        }
    }
    if (!calls_for_move(watch.verdict) && !is_advising(watch.verdict)) {
        block.held = {};
        block.held_said.clear();
        return;
    }
    flee(b);
}

// To the first uplink that is armed. A block that is announced nowhere goes to one that is too
// small for it as well, unless a larger one may be proven in a moment.
void Decider::Machine::flee(std::uint32_t b) {
    struct Refusal {
        std::uint32_t to = nowhere;
        Explanation why;
    };
    const auto from = placed[b].carrier;
    const auto& watch = watched(from, b);
    const bool is_fresh = now - watch.since < limits().armed_age;
    Ask ask{b, nowhere, from, onset(from, b).value_or(watch.since), watch.verdict, watch.place};
    std::optional<Refusal> first;
    bool is_proof_missing = false;
    for (const auto strength : {Ask::Strength::required, Ask::Strength::waived}) {
        ask.strength = strength;
        if (strength == Ask::Strength::waived &&
            (is_announced_somewhere(b) || (is_proof_missing && is_fresh)))
            break;
        for (ask.to = 0; ask.to < uplink_count(); ++ask.to) {
            if (ask.to == from || is_spent(b, ask.to))
                continue;
            auto why = armed(ask);
            if (!why.missing.empty()) {
                is_proof_missing |= why.missing == no_proof_since_onset;
                if (!first)
                    first = {ask.to, std::move(why)};
                continue;
            }
            why.rule = to_string(watch.verdict);
            why.missing = may_escape(b);
            if (!why.missing.empty())
                return hold(b, ask.to, std::move(why));
            return start_move(MoveKind::escape, ask);
        }
    }
    if (first) {
        if (first->why.missing == no_proof_since_onset) {
            prove_others(from, family_of(b));
            if (is_fresh)
                return;
        }
        return hold(b, first->to, std::move(first->why));
    }
    Explanation none;
    none.rule = "armed";
    none.missing = "no uplink is left that was not tried";
    hold(b, nowhere, std::move(none));
    keep_announced(b);
}

}  // namespace detour::decision
