// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/wall_time.h"

#include <doctest/doctest.h>

#include <tuple>

using namespace std::chrono_literals;
using detour::parse_wall_time;
using detour::WallTime;

TEST_CASE("a point in time is read in its zone and written in UTC") {
    for (const auto& [text, seconds, written] :
         {std::tuple{"1970-01-01T00:00Z", 0s, "1970-01-01T00:00Z"},
          {"2026-11-22T06:00Z", 1795327200s, "2026-11-22T06:00Z"},
          {"2026-11-22 06:00z", 1795327200s, "2026-11-22T06:00Z"},
          {"2026-11-22T07:00:30+01:00", 1795327230s, "2026-11-22T06:00:30Z"},
          {"2026-11-22T00:30-05:30", 1795327200s, "2026-11-22T06:00Z"},
          {"2024-02-29T23:59:59Z", 1709251199s, "2024-02-29T23:59:59Z"}}) {
        CAPTURE(text);
        const auto time = parse_wall_time(text);
        REQUIRE(time);
        CHECK(*time == WallTime(seconds));
        CHECK(detour::to_string(*time) == written);
        CHECK(*parse_wall_time(written) == *time);
    }
    CHECK(detour::to_string(WallTime(1795327230900ms)) == "2026-11-22T06:00:30Z");
}

TEST_CASE("what is no point in time is refused with the place") {
    for (const auto& [text, offset, part] : {std::tuple{"", 0U, "2026-11-22T06:00Z"},
                                             {"tomorrow", 0U, "2026-11-22T06:00Z"},
                                             {"2026-02-30T06:00Z", 0U, "2026-11-22T06:00Z"},
                                             {"9999-01-01T00:00Z", 0U, "2026-11-22T06:00Z"},
                                             {"2026-11-22", 10U, "time of day is missing"},
                                             {"2026-11-22T6:00Z", 11U, "HH:MM"},
                                             {"2026-11-22T24:00Z", 13U, "HH:MM"},
                                             {"2026-11-22T06:00", 16U, "which zone"},
                                             {"2026-11-22T06:00:60Z", 19U, "seconds"},
                                             {"2026-11-22T06:00CET", 16U, "which zone"},
                                             {"2026-11-22T06:00Z.", 17U, "which zone"}}) {
        CAPTURE(text);
        const auto time = parse_wall_time(text);
        REQUIRE_FALSE(time);
        CHECK(time.error().offset == offset);
        CHECK(time.error().message.find(part) != std::string::npos);
    }
}
