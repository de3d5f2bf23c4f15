// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Time as an argument. Duration is a length of time; Instant a point on detour's one monotonic
// line, whose zero means nothing: only differences do. No clock is read here: the event loop reads
// one, the simulator makes one up. Text is a number with a unit: 250ms, 6s, 1.5s, 5min, 2h, 1d.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "conf/types/parse_error.h"

namespace detour {

using Duration = std::chrono::nanoseconds;

// The time line of Instant: no now(), so that nobody reads it by accident.
struct Timeline {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Timeline>;
    static constexpr bool is_steady = true;
};
using Instant = std::chrono::time_point<Timeline>;

// Wall-clock time in UTC, for records and people only; never for deadlines.
using WallTime = std::chrono::sys_time<Duration>;

// Not negative; units ns, us, ms, s, min, h, d. A bare number is an error (which unit?), but "0" is
// zero.
[[nodiscard]] std::expected<Duration, ParseError> parse_duration(std::string_view text);

// The shortest exact text that parse_duration() reads back: "250ms", "6s", "90s", "5min".
[[nodiscard]] std::string to_string(Duration duration);

}  // namespace detour
