// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What rules about routes are written with: ranges of prefixes and patterns of AS paths.
#include <doctest/doctest.h>

#include <vector>

#include "conf/types/as_path_pattern.h"
#include "conf/types/prefix_range.h"

using namespace detour;

TEST_CASE("a prefix range means the prefixes inside whose length it allows") {
    struct Row {
        const char* text;
        const char* canonical;
        std::vector<const char*> in;
        std::vector<const char*> out;
    };
    const std::vector<Row> rows{
        {"10.0.0.0/8", "10.0.0.0/8", {"10.0.0.0/8"}, {"10.0.0.0/9", "10.1.0.0/16", "11.0.0.0/8"}},
        {"10.0.0.0/8 le 16",
         "10.0.0.0/8 le 16",
         {"10.0.0.0/8", "10.1.0.0/16"},
         {"10.1.0.0/17", "11.0.0.0/8", "0.0.0.0/0"}},
        {"10.0.0.0/8  ge 16", "10.0.0.0/8 ge 16", {"10.1.0.0/16", "10.1.1.1/32"}, {"10.0.0.0/8"}},
        {"0.0.0.0/0 le 24 ge 8",
         "0.0.0.0/0 ge 8 le 24",
         {"10.0.0.0/8", "192.0.2.0/24"},
         {"0.0.0.0/0", "192.0.2.0/25", "2001:db8::/16"}},
        {"0.0.0.0/0 ge 0", "0.0.0.0/0 le 32", {"0.0.0.0/0", "192.0.2.1/32"}, {"::/0"}},
        {"2001:db8::/32 ge 48 le 48",
         "2001:db8::/32 ge 48 le 48",
         {"2001:db8:77::/48"},
         {"2001:db8::/32"}},
        {"192.0.2.1/32", "192.0.2.1/32", {"192.0.2.1/32"}, {"192.0.2.0/32"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto range = PrefixRange::parse(row.text);
        REQUIRE(range);
        CHECK(range->to_string() == row.canonical);
        CHECK(*PrefixRange::parse(row.canonical) == *range);
        for (const char* prefix : row.in)
            CHECK_MESSAGE(range->contains(*Prefix::parse(prefix)), prefix);
        for (const char* prefix : row.out)
            CHECK_MESSAGE(!range->contains(*Prefix::parse(prefix)), prefix);
    }
}

TEST_CASE("a prefix range that means nothing is refused at the guilty word") {
    struct Row {
        const char* text;
        const char* message;
        std::size_t offset;
    };
    const std::vector<Row> rows{
        {"10.0.0.0", "a /length is missing", 8},
        {"10.0.0.1/8", "host bits are set; the prefix is 10.0.0.0/8", 0},
        {"10.0.0.0/8 24", "behind a prefix stands ge LENGTH, le LENGTH or both", 11},
        {"10.0.0.0/8 le 24 le 25", "behind a prefix stands ge LENGTH, le LENGTH or both", 17},
        {"10.0.0.0/8 le 7", "a length from 8 to 32 is wanted", 14},
        {"10.0.0.0/8 le 33", "a length from 8 to 32 is wanted", 14},
        {"10.0.0.0/8 le", "a length from 8 to 32 is wanted", 13},
        {"10.0.0.0/8 ge 24 le 16", "a length from 24 to 32 is wanted", 20},
        {"10.0.0.0/8 le 16 ge 24", "ge is longer than le: nothing is meant", 17},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto range = PrefixRange::parse(row.text);
        REQUIRE(!range);
        CHECK(range.error().message == row.message);
        CHECK(range.error().offset == row.offset);
    }
}

TEST_CASE("an AS path pattern is numbers, ? and *") {
    for (const char* text : {"64496", "64496 *", "* 64501", "? ? 64501", "* 4200000000 *"}) {
        const auto pattern = AsPathPattern::parse(text);
        REQUIRE(pattern);
        CHECK(pattern->to_string() == text);
    }
    CHECK(AsPathPattern::parse(" 64496   * ")->to_string() == "64496 *");
    CHECK(AsPathPattern::parse("64496 _").error().offset == 6);
    CHECK(AsPathPattern::parse("64496 AS1").error().offset == 6);
    CHECK(!AsPathPattern::parse("4294967296"));
    CHECK(!AsPathPattern::parse(""));
    CHECK(!AsPathPattern::parse("  "));
}
