// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/timing.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using namespace detour::model;

TEST_CASE("the profiles are those of the specification") {
    const Timing careful = timing_of(Profile::careful);
    CHECK(careful.idle_interval == 1s);
    CHECK(careful.suspect_interval == 250ms);
    CHECK(careful.forgiven_gap == 6s);
    CHECK(careful.withdraw_gate == 5s);
    CHECK(careful.stable_time == 15min);
    CHECK(careful.suspect_rate == 24);
    const Timing quick = timing_of(Profile::quick);
    CHECK(quick.forgiven_gap == 3500ms);
    CHECK(quick.withdraw_gate == 2s);
    CHECK(quick.armed_age == 5s);
    const Timing fast = timing_of(Profile::fast);
    CHECK(fast.forgiven_gap == 250ms);
    CHECK(fast.withdraw_gate == 0s);
    CHECK(fast.timeout_cap == 300ms);
    CHECK(fast.scheduling_gap == 150ms);
    CHECK(fast.canary_interval == 10s);
}

TEST_CASE("a slower profile is slower in everything, and every figure is set") {
    const Timing careful = timing_of(Profile::careful);
    const Timing quick = timing_of(Profile::quick);
    const Timing fast = timing_of(Profile::fast);
    for (const auto member :
         {&Timing::idle_interval,  &Timing::suspect_interval, &Timing::timeout_floor,
          &Timing::timeout_cap,    &Timing::timeout_pad,      &Timing::pair_gap_max,
          &Timing::late_reply,     &Timing::acknowledge,      &Timing::suspect_time,
          &Timing::scheduling_gap, &Timing::forgiven_gap,     &Timing::start_up_grace,
          &Timing::link_up_grace,  &Timing::armed_age,        &Timing::withdraw_gate,
          &Timing::first_life,     &Timing::complete,         &Timing::overlap,
          &Timing::stair_step,     &Timing::stable_time,      &Timing::canary,
          &Timing::canary_interval}) {
        CHECK(careful.*member >= quick.*member);
        CHECK(quick.*member > fast.*member);
        CHECK((fast.*member > 0s || member == &Timing::withdraw_gate));
    }
    for (const Timing& timing : {careful, quick, fast}) {
        CHECK(timing.pair_gap_min > 0s);
        CHECK(timing.pair_gap_min < timing.pair_gap_max);
        CHECK(timing.pair_gap_max * 2 <= timing.suspect_interval);
    }
    CHECK(careful.idle_rate < quick.idle_rate);
    CHECK(quick.suspect_rate < fast.suspect_rate);
    CHECK(to_string(Profile::careful) == "careful");
    CHECK(to_string(Profile::quick) == "quick");
    CHECK(to_string(Profile::fast) == "fast");
}
