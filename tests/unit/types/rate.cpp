// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/rate.h"

#include <doctest/doctest.h>

#include <string>

#include "conf/types/ids.h"

using detour::BitRate;
using detour::parse_bit_rate;

TEST_CASE("a bit rate is read and written with decimal units") {
    for (const auto& [text, value, canonical] : {std::tuple{"2Gbps", 2'000'000'000UL, "2Gbps"},
                                                 {"2.5Gbps", 2'500'000'000UL, "2500Mbps"},
                                                 {"500Mbps", 500'000'000UL, "500Mbps"},
                                                 {"64kbps", 64'000UL, "64kbps"},
                                                 {"0bps", 0UL, "0bps"},
                                                 {"7bps", 7UL, "7bps"}}) {
        CAPTURE(text);
        REQUIRE(parse_bit_rate(text));
        CHECK(parse_bit_rate(text)->bits_per_second == value);
        CHECK(detour::to_string(*parse_bit_rate(text)) == canonical);
    }
}

TEST_CASE("a bit rate without its unit is refused") {
    const auto rate = parse_bit_rate("2G");
    REQUIRE_FALSE(rate);
    CHECK(rate.error().offset == 1);
    CHECK(rate.error().message.find("Gbps") != std::string::npos);
}

TEST_CASE("ids of different kinds are different types, ordered and hashable") {
    static_assert(!std::is_convertible_v<detour::PortId, detour::UplinkId>);
    CHECK(detour::PortId{1} < detour::PortId{2});
    CHECK(std::hash<detour::AsNumber>{}(detour::AsNumber{64500}) ==
          std::hash<std::uint32_t>{}(64500));
}
