// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/schedule.h"

namespace detour::probe {

using namespace std::chrono_literals;

Schedule schedule(Profile profile) {
    switch (profile) {
        case Profile::careful:
            return {.idle_interval = 1s,
                    .suspect_interval = 250ms,
                    .timeout_floor = 100ms,
                    .timeout_cap = 1s,
                    .timeout_pad = 20ms,
                    .gap_min = 5ms,
                    .gap_max = 20ms,
                    .armed_age = 10s,
                    .idle_rate = 4,
                    .suspect_rate = 24,
                    .burst_length = 10s,
                    .late_reply = 3s};
        case Profile::quick:
            return {.idle_interval = 600ms,
                    .suspect_interval = 100ms,
                    .timeout_floor = 100ms,
                    .timeout_cap = 1s,
                    .timeout_pad = 20ms,
                    .gap_min = 5ms,
                    .gap_max = 20ms,
                    .armed_age = 5s,
                    .idle_rate = 8,
                    .suspect_rate = 60,
                    .burst_length = 6s,
                    .late_reply = 3s};
        case Profile::fast:
            break;
    }
    // A pair's halves stay within a fifth of the suspect interval, else they would overlap the
    // next.
    return {.idle_interval = 300ms,
            .suspect_interval = 50ms,
            .timeout_floor = 30ms,
            .timeout_cap = 300ms,
            .timeout_pad = 10ms,
            .gap_min = 5ms,
            .gap_max = 10ms,
            .armed_age = 1s,
            .idle_rate = 12,
            .suspect_rate = 120,
            .burst_length = 2s,
            .late_reply = 1s};
}

}  // namespace detour::probe
