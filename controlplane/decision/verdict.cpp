// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/verdict.h"

#include <array>

namespace detour::decision {

std::string_view to_string(Verdict verdict) {
    static constexpr std::array<std::string_view, verdict_count> names{
        "DATAPLANE-DOWN",  "LOCAL-FAULT",  "AWAY",           "SESSION-DOWN", "UPLINK-DEAD",
        "UPLINK-ISOLATED", "CONGESTED",    "ROA-INVALID",    "HIJACK",       "ATTACKED",
        "NULLROUTED",      "PARTIAL",      "PROBE-FILTERED", "CONTROL-BAD",  "SENTINEL-BAD",
        "UNSEEN",          "NEVER-PROVEN", "UNCLEAR",        "HEALTHY"};
    return names[static_cast<std::size_t>(verdict)];
}

bool is_calm(Verdict verdict) {
    return verdict == Verdict::away || verdict >= Verdict::control_bad;
}

bool calls_for_move(Verdict verdict) {
    switch (verdict) {
        case Verdict::session_down:
        case Verdict::uplink_dead:
        case Verdict::uplink_isolated:
        case Verdict::nullrouted:
            return true;
        default:
            return false;
    }
}

std::string_view to_string(Place place) {
    static constexpr std::array<std::string_view, 3> names{"unknown", "inside", "beyond"};
    return names[static_cast<std::size_t>(place)];
}

std::string_view to_string(MoveKind kind) {
    static constexpr std::array<std::string_view, 3> names{"escape", "planned", "failback"};
    return names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(MoveStep step) {
    static constexpr std::array<std::string_view, 12> names{
        "idle",     "forwarding", "announce", "gate", "overlap", "shutdown",
        "withdraw", "life",       "complete", "both", "canary",  "stair"};
    return names[static_cast<std::size_t>(step)];
}

}  // namespace detour::decision
