// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// AS_PATH as a value (RFC 4271 4.3 b, 5.1.2): segments in the order of the wire, none empty, every
// number in four octets whatever the session speaks (RFC 6793). We are in no confederation, where
// its segments (RFC 5065) are malformed.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/ids.h"

namespace detour::bgp {

// RFC 6793 9: stands for a number that two octets cannot hold.
inline constexpr AsNumber as_trans{23456};

struct AsSegment {
    enum class Kind : std::uint8_t { set = 1, sequence = 2 };

    Kind kind = Kind::sequence;
    std::vector<AsNumber> numbers;

    friend auto operator<=>(const AsSegment&, const AsSegment&) = default;
};

struct AsPath {
    std::vector<AsSegment> segments;

    // `asn` repeated `count` times, as one sequence; empty for 0.
    [[nodiscard]] static AsPath repeated(AsNumber asn, std::size_t count);

    // What best-path selection counts (RFC 4271 9.1.2.2 a): a set is one.
    [[nodiscard]] std::size_t length() const;
    [[nodiscard]] bool contains(AsNumber asn) const;
    // The neighbour that sent it: the first number of a leading sequence.
    [[nodiscard]] std::optional<AsNumber> first() const;
    // Who originated it: the last number of a closing sequence.
    [[nodiscard]] std::optional<AsNumber> origin() const;
    // "64496 64501 {64502 64503}"
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const AsPath&, const AsPath&) = default;
};

}  // namespace detour::bgp
