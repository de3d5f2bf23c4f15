// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which AS paths are meant, from the neighbour to the origin: AS numbers, `?` for any one AS and
// `*` for any number of them, none included. "64496" is a path of one, "* 64501" what AS 64501
// originates, "* 64511 *" what passes it, "64496 *" what this neighbour sends.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/types/ids.h"
#include "conf/types/parse_error.h"

namespace detour {

struct AsPathPattern {
    struct Step {
        enum class Kind : std::uint8_t { number, any, any_number };

        Kind kind = Kind::number;
        AsNumber asn{};

        friend auto operator<=>(const Step&, const Step&) = default;
    };

    std::vector<Step> steps;

    [[nodiscard]] static std::expected<AsPathPattern, ParseError> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const AsPathPattern&, const AsPathPattern&) = default;
};

}  // namespace detour
