// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/time_watch.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using detour::Instant;
using detour::WallTime;
using detour::daemon::TimeWatch;

TEST_CASE("waking late within the tolerance is no gap, beyond it is one of that length") {
    const TimeWatch watch(150ms);
    const Instant due(10s);
    CHECK_FALSE(watch.gap(due, due));
    CHECK_FALSE(watch.gap(due, due + 150ms));
    REQUIRE(watch.gap(due, due + 151ms));
    CHECK(*watch.gap(due, due + 151ms) == 151ms);
}

TEST_CASE("a wall clock that is slewed has not stepped, one that was set has") {
    TimeWatch watch(150ms);
    const WallTime wall(1'700'000'000s);
    CHECK_FALSE(watch.has_stepped(Instant(1s), wall));
    CHECK_FALSE(watch.has_stepped(Instant(2s), wall + 1s + 500us));
    CHECK_FALSE(watch.has_stepped(Instant(3s), wall + 2s + 90ms));
    CHECK(watch.has_stepped(Instant(4s), wall + 5s));
    CHECK_FALSE(watch.has_stepped(Instant(5s), wall + 6s));
    CHECK(watch.has_stepped(Instant(6s), wall));
    // A day's sleep of ours slews by 43 s at most.
    CHECK_FALSE(watch.has_stepped(Instant(86406s), wall + 86400s + 40s));
}
