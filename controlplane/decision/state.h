// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What outlives the process (detection.md section 6): where each block is and why, the move in
// progress, S latches, E results, baselines, brakes. A plain value; observe writes it down. The
// machine's time line does not outlive a boot, so dates are ages at the time of the snapshot, and
// the reader says how long ago that was.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/decision/action.h"

namespace detour::decision {

struct AnnouncedState {
    UplinkId uplink;
    Announcement announcement;

    friend bool operator==(const AnnouncedState&, const AnnouncedState&) = default;
};

struct MoveState {
    MoveKind kind = MoveKind::escape;
    MoveStep step = MoveStep::idle;
    UplinkId from;
    UplinkId to;
    Verdict reason = Verdict::unclear;
    std::uint32_t stair = 0;  // failback: index of the stair's step
    bool has_life = false;    // B@to was seen
    Duration age{};           // since it began
    Duration step_age{};      // since the step began

    friend bool operator==(const MoveState&, const MoveState&) = default;
};

struct BlockState {
    Block block;
    UplinkId home;                          // where it belongs: the preferred uplink at first
    UplinkId egress;                        // where it leaves
    std::vector<AnnouncedState> announced;  // never empty
    std::optional<MoveState> move;
    Duration placed_age{};                 // since it is on `egress`
    Verdict placed_by = Verdict::healthy;  // the verdict that brought it there
    std::optional<Duration> incident_age;  // since the onset of the incident's first escape
    std::vector<UplinkId> tried;           // in this incident
    // Brakes.
    std::uint32_t failed_returns = 0;
    std::vector<Duration> escape_ages;        // within the hour
    std::vector<Duration> return_ages;        // within the day
    std::optional<Duration> last_return_age;  // re-applied within 60 min?
    bool is_return_latched = false;           // manual until an operator says so

    friend bool operator==(const BlockState&, const BlockState&) = default;
};

// Of one (uplink, block).
struct WatchState {
    UplinkId uplink;
    Block block;
    bool has_sentinel_latch = false;          // S failed at the onset of the null route
    bool canary_leaks = false;                // NO_EXPORT was not honoured here
    std::optional<Duration> beacon_good_age;  // last B@u good
    std::optional<Duration> egress_good_age;  // last E good
    double discordance = 0;                   // of the last hour
    double packets_per_second = 0;            // P baseline

    friend bool operator==(const WatchState&, const WatchState&) = default;
};

struct State {
    std::vector<BlockState> blocks;
    std::vector<WatchState> watches;
    bool is_frozen = false;

    friend bool operator==(const State&, const State&) = default;
};

}  // namespace detour::decision
