// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a verdict is read from, by hand: an uplink on which all is well, and its parts.
#pragma once

#include <chrono>

#include "controlplane/controller/options.h"
#include "controlplane/decision/ladder.h"

namespace detour::decision {

inline const Instant noon{std::chrono::hours(12)};

inline const Thresholds careful = controller::thresholds(model::timing_of(model::Profile::careful));

inline ClassFacts good() {
    return {.is_known = true, .is_good = true};
}
inline ClassFacts dead() {
    return {.is_known = true, .is_lossy = true, .is_failing = true, .is_dead = true, .loss = 1};
}
inline ClassFacts lossy() {
    return {.is_known = true, .is_lossy = true, .loss = 0.4};
}

// An uplink on which all is well.
inline Facts healthy() {
    Facts f;
    f.now = noon;
    f.is_announced = true;
    f.is_tunnel_good = f.is_tunnel_good_since = true;
    f.control = f.beacon = good();
    f.sentinel = SentinelFacts::good;
    f.sentinel_window = good();
    f.passive = {.band = Band::normal, .before = 1000, .since = 1000, .share = 1};
    f.beacon_age = std::chrono::seconds(1);
    f.good_controls = f.good_beacons = 100;
    f.findings.homed = 6;
    f.findings.beacons = 2;
    f.findings.can_reach = true;
    return f;
}

}  // namespace detour::decision
