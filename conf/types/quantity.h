// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A number with a unit, as durations and rates are written. Internal to conf/types.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "conf/types/parse_error.h"

namespace detour {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

// Decimal number, optional fraction, unit; the result in the base unit, at most int64's range.
// Errors: no number, no or unknown unit (the message lists them), too large, finer than the base
// unit.
[[nodiscard]] std::expected<std::int64_t, ParseError> parse_quantity(std::string_view text,
                                                                     std::span<const Unit> units);

}  // namespace detour
