// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/keepalive_watch.h"

#include <doctest/doctest.h>

using namespace detour;
using namespace detour::engine;
using std::chrono::seconds;

TEST_CASE(
    "a tunnel is down after as many unanswered keepalives as it has retries, and up again with the "
    "next answer") {
    Instant now{};
    KeepaliveWatch watch(seconds(10), 3, now);
    CHECK(watch.due() == now);
    std::uint64_t heard = 0;
    const auto beat = [&] {
        now = watch.due();
        watch.beat(now, heard);
        return watch.is_up();
    };
    CHECK(beat());  // the first is sent: nothing can have been heard
    CHECK(watch.due() == now + seconds(10));
    CHECK(beat());
    CHECK(beat());
    CHECK_FALSE(beat());
    CHECK_FALSE(beat());
    ++heard;
    CHECK(beat());
    heard += 5;
    CHECK(beat());
    CHECK(beat());
    CHECK(beat());
    CHECK_FALSE(beat());
}

TEST_CASE("one lost answer in a row is no reason, with two retries") {
    Instant now{};
    KeepaliveWatch watch(seconds(1), 2, now);
    std::uint64_t heard = 0;
    for (int round = 0; round < 100; ++round) {
        if (round % 2 == 0)
            ++heard;
        watch.beat(now, heard);
        CHECK(watch.is_up());
        now += seconds(1);
    }
}

TEST_CASE("after a pause of the process the missed keepalives are not made up for") {
    const Instant start{};
    KeepaliveWatch watch(seconds(1), 3, start);
    watch.beat(start, 0);
    watch.beat(start + seconds(60), 0);
    CHECK(watch.is_up());
    CHECK(watch.due() == start + seconds(61));
}
