// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/duration.h"

#include <fmt/format.h>

#include <array>

#include "conf/types/quantity.h"

namespace detour {
namespace {

constexpr std::array<Unit, 7> units{{{"ns", 1},
                                     {"us", 1'000},
                                     {"ms", 1'000'000},
                                     {"s", 1'000'000'000},
                                     {"min", 60'000'000'000},
                                     {"h", 3'600'000'000'000},
                                     {"d", 86'400'000'000'000}}};

}  // namespace

std::expected<Duration, ParseError> parse_duration(std::string_view text) {
    if (text == "0")
        return Duration::zero();
    const auto count = parse_quantity(text, units);
    if (!count)
        return std::unexpected(count.error());
    return Duration(*count);
}

std::string to_string(Duration duration) {
    const std::int64_t count = duration.count();
    if (count == 0)
        return "0";
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit)
        if (count % unit->factor == 0)
            return fmt::format("{}{}", count / unit->factor, unit->name);
    return fmt::format("{}ns", count);
}

}  // namespace detour
