// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/options.h"

namespace detour::decision {

using namespace std::chrono_literals;

namespace {

Thresholds careful() {
    Thresholds t;
    t.t_min = 6s;
    t.scheduling_gap = 500ms;
    t.reply_timeout = 100ms;
    t.gate = 5s;
    t.return_stable = {15min, 1h, 4h};
    t.startup_grace = 60s;
    t.link_grace = 10s;
    t.armed_age = 10s;
    t.first_life = 90s;
    t.complete = 5min;
    t.overlap = 5min;
    t.stair_step = 10min;
    t.canary = 15s;
    t.canary_every = 30min;
    return t;
}

Thresholds quick() {
    Thresholds t = careful();
    t.t_min = 3500ms;
    t.gate = 2s;
    t.return_stable = {10min, 1h, 4h};
    t.startup_grace = 30s;
    t.link_grace = 5s;
    t.armed_age = 5s;
    t.stair_step = 5min;
    return t;
}

Thresholds fast() {
    Thresholds t = careful();
    t.t_min = 250ms;
    t.scheduling_gap = 150ms;
    t.reply_timeout = 30ms;
    t.gate = 0s;
    t.return_stable = {3s, 1h, 4h};
    t.startup_grace = 2s;
    t.link_grace = 1s;
    t.armed_age = 1s;
    t.first_life = 2s;
    t.complete = 5s;
    t.overlap = 3s;
    t.stair_step = 1s;
    t.canary = 2s;
    t.canary_every = 10s;
    t.mass_window = 0s;
    t.acknowledge = 1s;
    return t;
}

}  // namespace

Thresholds thresholds(Profile profile) {
    switch (profile) {
        case Profile::careful:
            return careful();
        case Profile::quick:
            return quick();
        case Profile::fast:
            break;
    }
    return fast();
}

}  // namespace detour::decision
