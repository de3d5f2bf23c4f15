// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Points in UTC as people write them down, with a zone (RFC 3339): 2026-11-22T06:00Z,
// 2026-11-22T07:00:30+01:00. Seconds may be left out, the zone may not.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "conf/types/duration.h"
#include "conf/types/parse_error.h"

namespace detour {

[[nodiscard]] std::expected<WallTime, ParseError> parse_wall_time(std::string_view text);

// To the second, rounded down, without those that are 0: "2026-11-22T06:00Z". Read back by
// parse_wall_time().
[[nodiscard]] std::string to_string(WallTime time);

}  // namespace detour
