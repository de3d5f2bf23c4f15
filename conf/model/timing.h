// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Every length of time and every rate that depends on the profile (detection.md, the tables of
// sections 1, 2 and 5). One table holds the defaults; `detect:` and `policy:` may override the
// durations that have a key there. Nobody else writes such a number down: the islands' options have
// no figures of their own for them, the controller fills them from here.
#pragma once

#include <cstdint>
#include <string_view>

#include "conf/types/duration.h"

namespace detour::model {

enum class Profile : std::uint8_t { careful, quick, fast };

[[nodiscard]] std::string_view to_string(Profile profile);

struct Timing {
    // Probing. Not to be overridden: the rates are what we promise the owners of targets.
    Duration idle_interval{};
    Duration suspect_interval{};
    Duration timeout_floor{};
    Duration timeout_cap{};
    Duration timeout_pad{};
    // The two halves of a pair are this far apart: half of the suspect interval at most, else they
    // would overlap the next.
    Duration pair_gap_min{};
    Duration pair_gap_max{};
    Duration late_reply{};  // after its timeout a reply still reverses an outcome for so long
    // Probes per second and target, all sets and classes together; the second figure for at most
    // suspect_time at a time.
    std::uint32_t idle_rate = 0;
    std::uint32_t suspect_rate = 0;
    Duration suspect_time{};
    // A gap in our own scheduling beyond this voids what was measured in it.
    Duration scheduling_gap{};
    // Verdicts on several sets within it are moved one after the other; zero: all at once.
    Duration mass_window{};
    // What is not acknowledged by then is said again.
    Duration acknowledge{};

    // detect:
    Duration forgiven_gap{};  // T_min: the longest gap that is not yet a null route
    Duration start_up_grace{};
    Duration link_up_grace{};
    Duration armed_age{};  // how old a proof that an uplink works may be

    // policy:
    Duration withdraw_gate{};  // between the acknowledged announcement and the withdrawal
    Duration first_life{};     // until one reply from outside came by the new uplink
    Duration complete{};       // until 2/3 of the targets answer by it
    Duration overlap{};        // planned moves: both announce
    Duration stair_step{};     // fail-back: each step's stay
    Duration stable_time{};    // the old uplink good before a return
    Duration canary{};         // how long one canary may last
    Duration canary_interval{};

    friend constexpr auto operator<=>(const Timing&, const Timing&) = default;
};

[[nodiscard]] Timing timing_of(Profile profile);

}  // namespace detour::model
