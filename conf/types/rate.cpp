// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/rate.h"

#include <fmt/format.h>

#include <array>

#include "conf/types/quantity.h"

namespace detour {
namespace {

constexpr std::array<Unit, 5> units{{{"bps", 1},
                                     {"kbps", 1'000},
                                     {"Mbps", 1'000'000},
                                     {"Gbps", 1'000'000'000},
                                     {"Tbps", 1'000'000'000'000}}};

}  // namespace

std::expected<BitRate, ParseError> parse_bit_rate(std::string_view text) {
    const auto count = parse_quantity(text, units);
    if (!count)
        return std::unexpected(count.error());
    return BitRate{static_cast<std::uint64_t>(*count)};
}

std::string to_string(BitRate rate) {
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
        const auto factor = static_cast<std::uint64_t>(unit->factor);
        if (rate.bits_per_second != 0 && rate.bits_per_second % factor == 0)
            return fmt::format("{}{}", rate.bits_per_second / factor, unit->name);
    }
    return fmt::format("{}bps", rate.bits_per_second);
}

}  // namespace detour
