// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Times for people: JSON gives "2026-11-20T23:04:05.120Z", a person reads it in UTC (the same night
// in every time zone, and in the provider's ticket) or, with --local, by the clock on the wall.
#pragma once

#include <string>
#include <string_view>

#include "tools/detour/verb.h"

namespace detour::command {

// "2026-11-20 23:04:05 UTC", or "2026-11-21 00:04:05 +0100"; what is no time is given back as it
// is.
[[nodiscard]] std::string time_text(std::string_view json_time, Clock clock);

// "23:04:05.120" of the same.
[[nodiscard]] std::string time_of_day(std::string_view json_time, Clock clock);

}  // namespace detour::command
