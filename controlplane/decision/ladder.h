// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Section 3 of detection.md: facts in, verdict out, read top down, first match. Pure functions of a
// value; internal to controlplane/decision. Where a row's condition names a figure, the explanation
// shows it beside the threshold it was compared with.
#pragma once

#include <optional>
#include <string_view>

#include "controlplane/decision/detector.h"
#include "controlplane/decision/evidence.h"
#include "controlplane/decision/explanation.h"
#include "controlplane/decision/options.h"
#include "controlplane/decision/passive.h"
#include "controlplane/decision/verdict.h"

namespace detour::decision {

// What a class of probes says: `dead` is nothing good for T_min over enough targets, `failing` and
// `lossy` are windows of ten.
struct ClassFacts {
    bool is_known = false;
    bool is_good = false;
    bool is_lossy = false;
    bool is_failing = false;
    bool is_dead = false;
    double loss = 0;
    Duration silent{};
};

// TCP or UDP beside ICMP, since the onset.
struct SecondKindFacts {
    std::uint32_t witnesses = 0;  // targets that answered it shortly before the onset, or since
    std::uint32_t replies = 0;    // of them, since the onset
    Findings findings;
    bool is_dead = false;  // with the same breadth as ICMP, on every beacon
    // It went silent later than ICMP, which was filtered: from then on it speaks for both.
    std::optional<Instant> silent_since;
};

enum class SentinelFacts : std::uint8_t { unknown, good, failed };

// Everything a verdict on one (uplink, block) is read from.
struct Facts {
    Instant now{};
    // The data plane.
    bool is_telemetry_lost = false;
    bool are_links_down = false;    // all of them, within 50 ms of each other
    bool is_link_settling = false;  // down for less than 50 ms: the others may follow
    bool are_all_dead = false;      // every kind of evidence of every uplink, since the onset
    // The uplink.
    bool is_announced = false;
    bool is_world_choosing = false;  // it may still send by another uplink, which is left
    bool is_link_up = true;
    bool is_bfd_down = false;  // and it was up before; no B good since
    SessionState session = SessionState::established;
    bool has_session = true;
    bool is_tunnel_good = false;        // T of some other uplink within the armed age
    bool is_tunnel_good_since = false;  // and since the onset
    double utilisation = 0;
    bool is_inbound_dead = false;  // of all blocks on u together, < 5 % of before
    double inbound_ratio = 0;      // of the block against its baseline, for congestion
    // The classes.
    ClassFacts control;
    ClassFacts beacon;
    bool are_all_beacons_dead = false;  // of every block announced on u
    SentinelFacts sentinel = SentinelFacts::unknown;
    ClassFacts sentinel_window;
    PassiveFindings passive;
    Passive::Attack attack;
    OriginState::State origin = OriginState::State::fine;
    AsNumber foreign_origin;  // of a hijack
    bool is_blackhole_told = false;
    // Section 2, of the prefix that speaks loudest.
    Findings findings;
    SecondKindFacts second;
    std::optional<Duration> beacon_age;  // last B@u good
    std::uint64_t good_controls = 0;     // since the start
    std::uint64_t good_beacons = 0;
    bool is_half_dead = false;  // some beacons, some borders: which, in the note
    std::string_view half_dead_note;
    std::string_view veto;  // empty: none
    std::optional<Instant> onset;
};

struct Judgement {
    Verdict verdict = Verdict::unclear;
    Place place = Place::unknown;
};

[[nodiscard]] Judgement judge(const Facts& facts, const Thresholds& thresholds);

// The figures of the row that matched, and for UNCLEAR the first condition of section 2 that was
// missing.
[[nodiscard]] Explanation explain(const Facts& facts, const Thresholds& thresholds,
                                  const Judgement& judgement);

// The first condition of section 2 that does not hold; empty when all hold. With `figures` each
// condition adds what it was read from.
[[nodiscard]] std::string_view missing_condition(const Facts& facts, const Thresholds& thresholds,
                                                 std::vector<Figure>* figures = nullptr);

}  // namespace detour::decision
