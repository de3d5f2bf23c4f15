// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/duration.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

using namespace std::chrono_literals;
using detour::Duration;
using detour::parse_duration;

TEST_CASE("a duration is a number with a unit, exact in nanoseconds") {
    for (const auto& [text, duration] : {std::pair<const char*, Duration>{"250ms", 250ms},
                                         {"6s", 6s},
                                         {"1.5s", 1500ms},
                                         {"5min", 5min},
                                         {"2h", 2h},
                                         {"1d", 24h},
                                         {"0", 0ns},
                                         {"0s", 0ns},
                                         {"10us", 10us},
                                         {"1ns", 1ns},
                                         {"0.250s", 250ms}}) {
        CAPTURE(text);
        REQUIRE(parse_duration(text));
        CHECK(*parse_duration(text) == duration);
    }
}

TEST_CASE("a duration without a number or a known unit is refused with the place") {
    for (const auto& [text, offset, part] : {std::tuple{"", 0U, "number with a unit"},
                                             {"6", 1U, "unit is missing"},
                                             {"6 s", 1U, "unknown unit"},
                                             {"6sec", 1U, "ns, us, ms, s, min, h, d"},
                                             {"s", 0U, "number"},
                                             {"-1s", 0U, "number"},
                                             {"1.2.3s", 3U, "second decimal point"},
                                             {".5s", 0U, "number"},
                                             {"1.5ns", 2U, "finer"},
                                             {"99999999999d", 0U, "too large"}}) {
        CAPTURE(text);
        const auto duration = parse_duration(text);
        REQUIRE_FALSE(duration);
        CHECK(duration.error().offset == offset);
        CHECK(duration.error().message.find(part) != std::string::npos);
    }
}

TEST_CASE("a duration is written in the largest unit that holds it exactly, and reads back") {
    for (const auto& [duration, text] : {std::pair<Duration, const char*>{250ms, "250ms"},
                                         {90s, "90s"},
                                         {300s, "5min"},
                                         {1500us, "1500us"},
                                         {0ns, "0"},
                                         {48h, "2d"},
                                         {7ns, "7ns"}}) {
        CHECK(detour::to_string(duration) == text);
        CHECK(*parse_duration(text) == duration);
    }
}
