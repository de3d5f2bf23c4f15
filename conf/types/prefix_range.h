// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A prefix and which of those inside it are meant, by their length: "10.0.0.0/8" is that one alone,
// "10.0.0.0/8 le 24" those down to /24, "0.0.0.0/0 ge 25" all that are longer than /24.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "conf/types/prefix.h"

namespace detour {

struct PrefixRange {
    Prefix prefix;
    std::uint8_t shortest = 0;
    std::uint8_t longest = 0;

    [[nodiscard]] static std::expected<PrefixRange, ParseError> parse(std::string_view text);

    [[nodiscard]] bool contains(const Prefix& other) const {
        return other.length() >= shortest && other.length() <= longest && prefix.contains(other);
    }
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const PrefixRange&, const PrefixRange&) = default;
};

}  // namespace detour
