// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How often probes are sent and how long a reply is waited for: the figures of detection.md
// sections 1 and 2. All of them depend on the profile, so none stands here: who makes the Options
// fills them from the configuration. A value, so that a test may change one figure.
#pragma once

#include <cstdint>

#include "conf/types/duration.h"

namespace detour::probe {

struct Schedule {
    // From one pair to the next of a target (section 2's table).
    Duration idle_interval{};
    Duration suspect_interval{};
    // Reply timeout of a target: clamp(1.5 x p95 of its RTT + pad, floor, cap).
    Duration timeout_floor{};
    Duration timeout_cap{};
    Duration timeout_pad{};
    // B and C of a pair are this far apart; one C serves every B within gap_max of it. Half of the
    // suspect interval at most.
    Duration gap_min{};
    Duration gap_max{};
    // T and E go one probe per half of it (section 5's table).
    Duration armed_age{};
    // Probes per second and target, all sets and classes together. The suspicion rate holds for
    // burst_length at most, and comes back at a sixth of the speed it was spent.
    std::uint32_t idle_rate = 0;
    std::uint32_t suspect_rate = 0;
    Duration burst_length{};
    // So much of it for one suspicion, until all is there again: enough for a verdict.
    Duration burst_share{};
    // How long after its timeout a late reply still reverses an outcome.
    Duration late_reply{};

    friend bool operator==(const Schedule&, const Schedule&) = default;
};

}  // namespace detour::probe
