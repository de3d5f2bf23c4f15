// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A bit rate, as circuits are sold: 500Mbps, 2Gbps, 2.5Gbps.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "conf/types/parse_error.h"

namespace detour {

struct BitRate {
    std::uint64_t bits_per_second = 0;

    friend constexpr auto operator<=>(const BitRate&, const BitRate&) = default;
};

// Units bps, kbps, Mbps, Gbps, Tbps (decimal).
[[nodiscard]] std::expected<BitRate, ParseError> parse_bit_rate(std::string_view text);
[[nodiscard]] std::string to_string(BitRate rate);

}  // namespace detour
