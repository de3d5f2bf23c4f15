// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the decision is told once: the box's uplinks, prefix sets and targets as far as it needs
// them, and every figure of detection.md that it compares with. Thresholds are values: a
// configuration or a test changes one, and the explanation shows the new one. A figure that depends
// on the profile has no value here: it is the configuration's, and who makes the Options fills it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "conf/types/rate.h"

namespace detour::decision {

enum class Mode : std::uint8_t { advise, automatic };
enum class FailBack : std::uint8_t { manual, window, automatic };

// The figures, with the section of detection.md they come from.
struct Thresholds {
    // Section 2.
    double q1 = 0.98;        // P(B lost | C ok) under a null route
    double q0_floor = 0.20;  // q0 = clamp(q0_factor x the last hour's discordance, ...)
    double q0_ceiling = 0.40;
    double q0_factor = 3;
    double h = 33;             // ln(pairs in the error horizon / allowed errors)
    Duration t_min{};          // the longest gap we forgive; the profile's
    double breadth = 2.0 / 3;  // of the u-homed targets, last two pairs lost
    std::uint32_t breadth_asns = 2;
    double control_loss = 0.20;                    // beyond what C lost in the hour before
    Duration proven_age = std::chrono::hours(24);  // B@u good within
    std::uint32_t homed_targets = 3;               // fewer: UNSEEN
    Duration scheduling_gap{};                     // own gap that vetoes; the profile's
    std::uint32_t good_pairs = 30;                 // per class since the start
    // Section 1, P.
    double passive_dead = 0.05;
    double passive_normal = 0.50;
    double passive_absent = 20;  // packets/s before
    Duration passive_before = std::chrono::minutes(10);
    Duration reply_timeout{};  // the least a send is given before its loss counts: P counts from
                               // the first lost send + this; the profile's
    // Section 3.
    Duration twins_together = std::chrono::milliseconds(50);
    double port_full = 0.60;
    double congestion = 3;  // x baseline
    double attack = 3;      // x p95
    Duration attack_before = std::chrono::minutes(5);
    Duration retire_after = std::chrono::minutes(10);
    Duration retire_for = std::chrono::hours(1);  // not in detection.md: then it is asked again
    // Section 4.
    Duration gate{};        // withdraw: so long after the acknowledged announcement; the profile's
    double headroom = 1.3;  // capacity >= p95 x
    double conservation = 0.90;
    double conservation_rate = 200;  // packets/s, below it there is nothing to conserve
    Duration conservation_for = std::chrono::seconds(3);
    std::uint32_t escapes_per_hour = 4;  // per set
    std::uint32_t updates_per_hour = 8;  // per prefix and peer
    std::uint32_t returns_per_day = 2;
    Duration stable_time{};  // before a return; the profile's
    std::vector<Duration> stable_after_failure{std::chrono::hours(1), std::chrono::hours(4)};
    Duration reapplied = std::chrono::minutes(60);
    Duration damping = std::chrono::minutes(10);  // an announcement without life stays so long
    Duration mass_window{};                       // zero: no mass brake; the profile's
    Duration mass_wait = std::chrono::seconds(30);
    // Section 5; the profile's.
    Duration startup_grace{};
    Duration link_grace{};
    Duration armed_age{};
    Duration first_life{};
    Duration complete{};
    Duration overlap{};
    Duration stair_step{};
    Duration canary{};
    Duration canary_every{};
    std::uint32_t canary_replies = 5;
    std::uint32_t canary_sentinels = 2;
    double stair_q0 = 0.01;  // baseline +
    double stair_q1 = 0.05;  // baseline +
    double stair_h = 14;
    std::uint32_t prepends = 3;
    Duration accept_late = std::chrono::hours(24);
    // Not in detection.md: how long an acknowledgement is waited for before it is asked again; the
    // profile's.
    Duration acknowledge{};

    friend bool operator==(const Thresholds&, const Thresholds&) = default;
};

enum class Purpose : std::uint8_t { transit, scrubber };

struct UplinkOptions {
    UplinkId id;
    std::string name;
    AsNumber asn;             // the neighbour's
    bool has_session = true;  // BGP is spoken there; without it nothing can be announced
    bool has_bfd = false;
    std::optional<BitRate> limit;  // capacity of the circuit or of the agreement
    Purpose purpose = Purpose::transit;
    // Families that it can carry: a control source, a BGP peer of the family or next hop.
    bool carries_ipv4 = true;
    bool carries_ipv6 = true;
    std::vector<Address> sentinels;
    // "Export to your customers only": the canary that hurts nobody. Empty: NO_EXPORT.
    std::vector<std::uint32_t> canary_communities;

    friend bool operator==(const UplinkOptions&, const UplinkOptions&) = default;
};

struct BeaconOptions {
    Address address;
    std::uint8_t prefix = 0;  // index of its prefix among those of its family in the set

    friend bool operator==(const BeaconOptions&, const BeaconOptions&) = default;
};

struct SetOptions {
    PrefixSetId id;
    std::string name;
    std::vector<BeaconOptions> beacons;
    // Families of its prefixes: each (set, family) is placed and moved for itself.
    bool has_ipv4 = true;
    bool has_ipv6 = false;

    friend bool operator==(const SetOptions&, const SetOptions&) = default;
};

struct TargetOptions {
    TargetId id;
    AsNumber asn;
    Family family = Family::ipv4;

    friend bool operator==(const TargetOptions&, const TargetOptions&) = default;
};

struct Options {
    Mode mode = Mode::advise;
    Thresholds thresholds;
    FailBack fail_back = FailBack::manual;
    std::vector<UplinkOptions> uplinks;  // in order of preference
    std::vector<SetOptions> sets;
    std::vector<TargetOptions> targets;

    friend bool operator==(const Options&, const Options&) = default;
};

}  // namespace detour::decision
