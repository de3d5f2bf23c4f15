// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The second kind of probe, TCP or UDP beside ICMP (detection.md section 2, condition 4). It has
// detectors of its own, so that a block whose ICMP alone is filtered is not taken for dead, nor one
// whose TCP alone is. It never raises suspicion and never makes a verdict: it agrees, or it
// contradicts.
#include <algorithm>

#include "controlplane/decision/brain.h"

namespace detour::decision {

void Decider::Machine::take_second_control(const ProbeOutcome& input) {
    way(uplink_of(input.uplink), input.family).second_counted.add(now, input.result);
    const std::uint64_t touched = settle_pair(input);
    for (std::uint32_t b = 0; touched != 0 && b < block_count(); ++b)
        if (placed[b].exists && (touched >> b % 64 & 1) != 0)
            evaluate(uplink_of(input.uplink), b);
}

// A reply is a reply: it is life after a move, and a leak of a canary, like one of ICMP.
void Decider::Machine::take_second_beacon(const ProbeOutcome& input) {
    if (input.result == Result::lost)
        return lose_beacon(input);
    const auto u = uplink_of(input.uplink);
    const auto b = block_of(*input.set, input.family);
    const auto target = target_of(*input.target);
    const auto arrival = uplink_of(*input.arrival);
    auto& speaker = detector(u, b, input.beacon, input.kind);
    if (input.result == Result::reversed)
        speaker.take_back(target);
    speaker.good(now, target, beacon_in_prefix(b, input.beacon), input.sent,
                 arrival == u ? Detector::Arrival::here : Detector::Arrival::elsewhere,
                 way(u, input.family).second_counted.tally);
    hear_canary(b, input);
    hear_life(b, arrival, target, input.sent);
    evaluate(u, b);
}

// Dead: who answered the second kind until shortly before the onset answers it no more, as widely
// as section 2 asks of ICMP. It is asked in earnest only once there is suspicion, so half of T_min
// is what it can be silent for. Where ICMP was filtered for long, a null route comes later than the
// onset: it began when the second kind went silent, which must then last T_min itself. Filters that
// come one after the other look like that, too: then the traffic has to agree, and a block without
// any is not taken for dead.
SecondKindFacts Decider::Machine::second_kind(std::uint32_t u, std::uint32_t b,
                                              Instant onset) const {
    constexpr int turns = 10;  // armed ages; each target has had its turn by then
    const auto& watch = watched(u, b);
    SecondKindFacts second;
    const Detector* loud = loudest(watch);
    if (loud == nullptr)
        return second;
    const auto& speaker = watch.seconds[static_cast<std::size_t>(loud - watch.detectors.data())];
    second.findings = speaker.findings(way(u, family_of(b)).second_counted.tally);
    const auto& found = second.findings;
    const bool is_wide = found.lost_targets + 1e-9 >= limits().breadth * found.homed &&
                         found.lost_asns >= limits().breadth_asns &&
                         found.dead_beacons == found.beacons &&
                         found.control_share() <= found.control_allowed;
    const Instant with_it = onset + limits().t_min / 4;
    if (is_wide && found.onset && *found.onset > with_it && found.span >= limits().t_min)
        second.silent_since = found.onset;
    second.witnesses = speaker.replied_since(onset - turns * limits().armed_age);
    second.replies = speaker.replied_since(second.silent_since.value_or(with_it));
    second.is_dead = is_wide && second.witnesses >= limits().homed_targets &&
                     speaker.replied_since(with_it) == 0 && found.span >= limits().t_min / 2;
    return second;
}

}  // namespace detour::decision
