// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Probes and counters into detectors and windows. Both halves of a pair come by themselves: a lost
// B waits for its C; a good B needs none.
#include <algorithm>

#include "controlplane/decision/brain.h"

namespace detour::decision {

namespace {

constexpr Duration longest_wait = std::chrono::seconds(5);  // of a lost B for its C

bool is_good(const ProbeOutcome& input) {
    return input.result != Result::lost;
}

}  // namespace

// What C lost before is no sign of a burst: in the hour, or since an uplink began to lose a share
// of everything a moment ago.
void ControlCount::add(Instant now, Result result) {
    if (result == Result::reversed) {
        tally.lost -= std::min<std::uint64_t>(tally.lost, 1);
        return;
    }
    const bool is_lost = result == Result::lost;
    ++tally.all;
    tally.lost += is_lost ? 1 : 0;
    hour.add(now, is_lost ? 1 : 0, 1);
    recent.add(is_lost);
    tally.baseline = std::max(hour.share(), recent.share());
}

std::uint8_t Decider::Machine::beacon_in_prefix(std::uint32_t block, std::uint8_t beacon) const {
    const auto& beacons = options.sets[block / 2].beacons;
    std::uint8_t index = 0;
    for (std::uint8_t i = 0; i < beacon; ++i)
        if (beacons[i].prefix == beacons[beacon].prefix &&
            beacons[i].address.family() == beacons[beacon].address.family())
            ++index;
    return index;
}

Detector& Decider::Machine::detector(std::uint32_t uplink, std::uint32_t block, std::uint8_t beacon,
                                     ProbeKind kind) {
    const auto prefix = options.sets[block / 2].beacons[beacon].prefix;
    auto& watch = watched(uplink, block);
    return (kind == ProbeKind::icmp ? watch.detectors : watch.seconds)[prefix];
}

void Decider::Machine::take_control(const ProbeOutcome& input) {
    const auto u = uplink_of(input.uplink);
    auto& of = way(u, input.family);
    const auto target = target_of(*input.target);
    of.counted.add(now, input.result);
    if (input.result != Result::reversed) {
        of.control_ten.add(is_good(input));
        of.proof_ten.add(is_good(input));
    }
    if (is_good(input)) {
        of.control.good(input.sent);
        of.proof.good(input.sent);
        ++of.good_controls;
    } else {
        of.control.lost(input.sent, target);
        of.proof.lost(input.sent, target);
    }
    hear_target(*input.target, input.family, input.result, input.sent);
    const std::uint64_t touched = settle_pair(input);
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists || family_of(b) != input.family || !placed[b].announced[u])
            continue;
        if (!is_good(input) || (touched >> b % 64 & 1) != 0)
            evaluate(u, b);
    }
}

// What a C means for the B beside it, those that are lost already and those to come. The blocks
// that it settled something for, as bits.
std::uint64_t Decider::Machine::settle_pair(const ProbeOutcome& input) {
    const auto u = uplink_of(input.uplink);
    auto& of = way(u, input.family);
    const auto target = target_of(*input.target);
    const auto result = is_good(input) ? Detector::Control::good : Detector::Control::lost;
    of.halves[input.pair % of.halves.size()] = {input.pair, result};
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists || family_of(b) != input.family)
            continue;
        auto& watch = watched(u, b);
        for (auto& each : input.kind == ProbeKind::icmp ? watch.detectors : watch.seconds)
            each.control(target, result);
    }
    // A C that was lost and is not after all does not make its B's loss count: that stays void.
    std::uint64_t touched = 0;
    std::erase_if(of.waiting, [&](const Way::Waiting& lost) {
        if (lost.pair != input.pair)
            return now - lost.sent > longest_wait;
        settle_lost(u, lost, result);
        touched |= std::uint64_t{1} << lost.block % 64;
        return true;
    });
    return touched;
}

// "Retire targets (after 10 min; said)": one that answers no C while enough others do. An hour
// later it is asked again.
void Decider::Machine::hear_target(TargetId target, Family family, Result result, Instant sent) {
    auto& ear = heard[target.value];
    if (result != Result::lost)
        return ear.silent_since.reset();
    if (!ear.silent_since)
        ear.silent_since = sent;
    if (ear.retired || now - *ear.silent_since < limits().retire_after)
        return;
    std::uint32_t speaking = 0;
    for (const auto& other : options.targets)
        speaking += other.family == family && !heard[other.id.value].silent_since &&
                            !heard[other.id.value].retired
                        ? 1
                        : 0;
    if (speaking < limits().homed_targets)
        return;
    ear.retired = now;
    wakeups.push_back(now + limits().retire_for);
    say(RetireTarget{target, true});
    Explanation why;
    why.rule = "retired target";
    why.note = std::to_string(target.value);
    say(Said{Severity::warning, std::nullopt, std::nullopt, std::move(why)});
}

void Decider::Machine::ask_again() {
    for (const auto& target : options.targets) {
        auto& ear = heard[target.id.value];
        if (!ear.retired || now - *ear.retired < limits().retire_for)
            continue;
        ear = {};
        say(RetireTarget{target.id, false});
    }
}

void Decider::Machine::settle_lost(std::uint32_t uplink, const Way::Waiting& lost,
                                   Detector::Control control) {
    auto& watch = watched(uplink, lost.block);
    const auto& of = way(uplink, family_of(lost.block));
    const bool is_second = lost.kind != ProbeKind::icmp;
    auto& speaker = detector(uplink, lost.block, lost.beacon, lost.kind);
    const bool was_running = speaker.is_running();
    speaker.lost(now, lost.target, beacon_in_prefix(lost.block, lost.beacon), lost.sent, control,
                 (is_second ? of.second_counted : of.counted).tally);
    if (is_second)
        return;
    if (!was_running && speaker.is_running())
        watch.onset_cause = cause;
    if (control == Detector::Control::good) {
        watch.target_ten[lost.target].add(false);
        watch.beacon_tens[lost.beacon].add(false);
        hear_stair(uplink, lost.block, Detector::Control::lost);
    }
    update_watch(uplink, lost.block);
}

void Decider::Machine::take_beacon(const ProbeOutcome& input) {
    const auto u = uplink_of(input.uplink);
    const auto b = block_of(*input.set, input.family);
    auto& watch = watched(u, b);
    auto& of = way(u, input.family);
    const auto target = target_of(*input.target);
    if (input.result == Result::lost) {
        watch.beacon_ten.add(false);
        watch.beacon.lost(input.sent, target);
        lose_beacon(input);
        return evaluate(u, b);
    }
    const auto arrival = uplink_of(*input.arrival);
    auto& speaker = detector(u, b, input.beacon);
    if (input.result == Result::reversed)
        speaker.take_back(target);
    else
        watch.beacon_ten.add(true);
    speaker.good(now, target, beacon_in_prefix(b, input.beacon), input.sent,
                 arrival == u ? Detector::Arrival::here : Detector::Arrival::elsewhere,
                 of.counted.tally);
    watch.target_ten[target].add(true);
    watch.beacon_tens[input.beacon].add(true);
    if (arrival == u) {
        watch.beacon.good(input.sent);
        ++watch.good_beacons;
    }
    hear_canary(b, input);
    hear_life(b, arrival, target, input.sent);
    hear_stair(u, b, Detector::Control::good);
    if (watch.watch == Watch::suspect)
        update_watch(u, b);
    update_half(watch);
    evaluate(u, b);
}

// A lost B counts when its C is known.
void Decider::Machine::lose_beacon(const ProbeOutcome& input) {
    if (input.pair == 0)
        return;
    const auto u = uplink_of(input.uplink);
    auto& of = way(u, input.family);
    const Way::Waiting lost{input.pair,
                            block_of(*input.set, input.family),
                            target_of(*input.target),
                            input.beacon,
                            input.sent,
                            input.kind};
    const auto& half = of.halves[input.pair % of.halves.size()];
    if (half.pair == input.pair)
        settle_lost(u, lost, half.control);
    else
        of.waiting.push_back(lost);
}

// Half alive: some targets or beacons answer and others do not, while C is good everywhere.
void Decider::Machine::update_half(Watched& watch) {
    const auto uneven = [](const std::vector<LastTen>& windows, unsigned least) {
        unsigned dead = 0, alive = 0;
        for (const auto& window : windows) {
            if (window.count() < 10)
                continue;
            dead += window.loss() >= 0.9 ? 1 : 0;
            alive += window.loss() <= 0.3 ? 1 : 0;
        }
        return dead >= least && alive >= least;
    };
    const bool is_half = uneven(watch.beacon_tens, 1) || uneven(watch.target_ten, 2);
    if (!is_half)
        watch.half_since.reset();
    else if (!watch.half_since)
        watch.half_since = now;
}

void Decider::Machine::take_tunnel(const ProbeOutcome& input) {
    const auto u = uplink_of(input.uplink);
    auto& of = way(u, input.family);
    if (input.result == Result::lost) {
        // A full-size loss alone is a matter of MTU, unless small ones are lost as well.
        of.proof.lost(input.sent, target_of(*input.target));
        of.proof_ten.add(false);
    } else {
        of.proof.good(input.sent);
        of.proof_ten.add(true);
        if (input.is_full_size)
            of.full_size_good = std::max(of.full_size_good.value_or(input.sent), input.sent);
    }
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists || family_of(b) != input.family)
            continue;
        update_ready(u, b);
        // A way that is proven now may be what a block waits for.
        if (placed[b].carrier != u)
            evaluate(placed[b].carrier, b);
    }
}

void Decider::Machine::take_sentinel(const ProbeOutcome& input) {
    const auto owner = uplink_of(input.sentinel_of);
    const auto b = block_of(*input.set, input.family);
    auto& watch = watched(owner, b);
    watch.sentinel_ten.add(is_good(input));
    if (is_good(input)) {
        watch.sentinel.good(input.sent);
        hear_canary(b, input);
    } else {
        watch.sentinel.lost(input.sent, input.sentinel);
        // S may be too slow for the verdict of a fast profile: the latch is set when it is known.
        auto& move = placed[b].move;
        if (move && move->from == owner && move->reason == Verdict::nullrouted &&
            !watch.has_sentinel_latch && sentinel(watch, move->onset) == SentinelFacts::failed) {
            watch.has_sentinel_latch = true;
            say(Persist{}, move->cause);
        }
    }
    update_ready(owner, b);
    if (placed[b].announced[owner])
        evaluate(owner, b);
}

void Decider::Machine::take_egress(const ProbeOutcome& input) {
    if (!is_good(input))
        return;
    auto& watch = watched(uplink_of(input.uplink), block_of(*input.set, input.family));
    watch.egress_good = std::max(watch.egress_good.value_or(input.sent), input.sent);
    watch.egress_by = uplink_of(*input.arrival);
}

// Section 5: S good (any port) and C good. Without sentinels C alone speaks.
void Decider::Machine::update_ready(std::uint32_t uplink, std::uint32_t block) {
    auto& watch = watched(uplink, block);
    const auto& of = way(uplink, family_of(block));
    const bool is_heard = watch.sentinel_ten.count() != 0;
    const bool is_ready = of.proof_ten.is_good() && (!is_heard || watch.sentinel_ten.is_good());
    if (!is_ready)
        watch.ready_since.reset();
    else if (!watch.ready_since)
        watch.ready_since = now;
}

void Decider::Machine::on(const Counters& input) {
    const auto u = uplink_of(input.uplink);
    const auto b = block_of(input.block.set, input.block.family);
    auto& watch = watched(u, b);
    watch.passive.add(now, input.packets_in, input.bytes_in);
    if (placed[b].exists && placed[b].announced[u])
        evaluate(u, b);
}

}  // namespace detour::decision
