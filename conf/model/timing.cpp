// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/timing.h"

namespace detour::model {
namespace {

using namespace std::chrono_literals;

constexpr Timing careful{.idle_interval = 1s,
                         .suspect_interval = 250ms,
                         .timeout_floor = 100ms,
                         .timeout_cap = 1s,
                         .timeout_pad = 20ms,
                         .pair_gap_min = 5ms,
                         .pair_gap_max = 20ms,
                         .late_reply = 3s,
                         .idle_rate = 4,
                         .suspect_rate = 24,
                         .suspect_time = 10s,
                         .scheduling_gap = 500ms,
                         .mass_window = 60s,
                         .acknowledge = 5s,
                         .forgiven_gap = 6s,
                         .start_up_grace = 60s,
                         .link_up_grace = 10s,
                         .armed_age = 10s,
                         .withdraw_gate = 5s,
                         .first_life = 90s,
                         .complete = 5min,
                         .overlap = 5min,
                         .stair_step = 10min,
                         .stable_time = 15min,
                         .canary = 15s,
                         .canary_interval = 30min};

constexpr Timing quick{.idle_interval = 600ms,
                       .suspect_interval = 100ms,
                       .timeout_floor = 100ms,
                       .timeout_cap = 1s,
                       .timeout_pad = 20ms,
                       .pair_gap_min = 5ms,
                       .pair_gap_max = 20ms,
                       .late_reply = 3s,
                       .idle_rate = 8,
                       .suspect_rate = 60,
                       .suspect_time = 6s,
                       .scheduling_gap = 500ms,
                       .mass_window = 60s,
                       .acknowledge = 5s,
                       .forgiven_gap = 3500ms,
                       .start_up_grace = 30s,
                       .link_up_grace = 5s,
                       .armed_age = 5s,
                       .withdraw_gate = 2s,
                       .first_life = 90s,
                       .complete = 5min,
                       .overlap = 5min,
                       .stair_step = 5min,
                       .stable_time = 10min,
                       .canary = 15s,
                       .canary_interval = 30min};

constexpr Timing fast{.idle_interval = 300ms,
                      .suspect_interval = 50ms,
                      .timeout_floor = 30ms,
                      .timeout_cap = 300ms,
                      .timeout_pad = 10ms,
                      .pair_gap_min = 5ms,
                      .pair_gap_max = 10ms,
                      .late_reply = 1s,
                      .idle_rate = 12,
                      .suspect_rate = 120,
                      .suspect_time = 2s,
                      .scheduling_gap = 150ms,
                      .mass_window = 0s,
                      .acknowledge = 1s,
                      .forgiven_gap = 250ms,
                      .start_up_grace = 2s,
                      .link_up_grace = 1s,
                      .armed_age = 1s,
                      .withdraw_gate = 0s,
                      .first_life = 2s,
                      .complete = 5s,
                      .overlap = 3s,
                      .stair_step = 1s,
                      .stable_time = 3s,
                      .canary = 2s,
                      .canary_interval = 10s};

}  // namespace

std::string_view to_string(Profile profile) {
    switch (profile) {
        case Profile::careful:
            return "careful";
        case Profile::quick:
            return "quick";
        case Profile::fast:
            return "fast";
    }
    return "?";
}

Timing timing_of(Profile profile) {
    switch (profile) {
        case Profile::careful:
            return careful;
        case Profile::quick:
            return quick;
        case Profile::fast:
            return fast;
    }
    return careful;
}

}  // namespace detour::model
