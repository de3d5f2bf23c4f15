// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The words of detection.md section 3, and of the moves of sections 4 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace detour::decision {

// In the order of the table: the first that matches is the verdict.
enum class Verdict : std::uint8_t {
    dataplane_down,
    local_fault,
    away,
    session_down,
    uplink_dead,
    uplink_isolated,
    congested,
    roa_invalid,
    hijack,
    attacked,
    nullrouted,
    partial,
    probe_filtered,
    control_bad,
    sentinel_bad,
    unseen,
    never_proven,
    unclear,
    healthy,
};
inline constexpr std::size_t verdict_count = 19;

[[nodiscard]] std::string_view to_string(Verdict verdict);  // "NULLROUTED", "UPLINK-DEAD"
// AWAY, CONTROL-BAD, SENTINEL-BAD, UNSEEN, NEVER-PROVEN, UNCLEAR and HEALTHY are no alarms.
[[nodiscard]] bool is_calm(Verdict verdict);

// The table answers it with a move (SESSION-DOWN, UPLINK-DEAD, UPLINK-ISOLATED, NULLROUTED).
[[nodiscard]] bool calls_for_move(Verdict verdict);

// Where packets of a null-routed block vanish.
enum class Place : std::uint8_t { unknown, inside, beyond };
[[nodiscard]] std::string_view to_string(Place place);

enum class MoveKind : std::uint8_t {
    escape,    // section 4: the block is dead where it is
    planned,   // section 4: an operator's move
    failback,  // section 5: home, by canary and stair
};
[[nodiscard]] std::string_view to_string(MoveKind kind);

// Each waits for the fact named behind it.
enum class MoveStep : std::uint8_t {
    idle,        // no move
    forwarding,  // v is accepted and the egress: the kernel's confirmation
    announce,    // p announced via v: TCP's acknowledgement
    gate,        // escape: the gate's time or the first B@v
    overlap,     // planned: both announced, conservation watches: the overlap's time
    shutdown,    // planned: GRACEFUL_SHUTDOWN and prepend on u: acknowledged, and the time
    withdraw,    // p withdrawn from u: TCP's acknowledgement
    life,        // the first B@v
    complete,    // B@v from 2/3 of the targets
    both,        // no life came: announced on u as well, v stays for damping
    canary,      // failback: S on u's port
    stair,       // failback: u prepended, less, not; v prepended
};
[[nodiscard]] std::string_view to_string(MoveStep step);

}  // namespace detour::decision
