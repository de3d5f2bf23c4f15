// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/prefix.h"

#include <doctest/doctest.h>

#include <string_view>
#include <unordered_set>

using detour::Address;
using detour::Family;
using detour::InterfaceAddress;
using detour::Prefix;

namespace {
Prefix of(const char* text) {
    return *Prefix::parse(text);
}
}  // namespace

TEST_CASE("a prefix is read and written") {
    for (const char* text :
         {"198.51.100.0/24", "0.0.0.0/0", "2001:db8:77::/48", "::/0", "192.0.2.1/32"}) {
        CAPTURE(text);
        CHECK(of(text).to_string() == text);
    }
}

TEST_CASE("a text that is not a prefix is refused, and host bits name the prefix that was meant") {
    for (const auto& [text, offset, part] : {std::tuple{"198.51.100.0", 12U, "/length is missing"},
                                             {"198.51.100.0/33", 13U, "0 to 32"},
                                             {"2001:db8::/129", 11U, "0 to 128"},
                                             {"198.51.100.0/", 13U, "number"},
                                             {"198.51.100.0/024", 13U, "number"},
                                             {"198.51.100.0/2x", 13U, "number"},
                                             {"198.51.100/24", 0U, "not an IPv4"},
                                             {"198.51.100.7/24", 0U, "198.51.100.0/24"}}) {
        CAPTURE(text);
        const auto prefix = Prefix::parse(text);
        REQUIRE_FALSE(prefix);
        CHECK(prefix.error().offset == offset);
        CHECK(prefix.error().message.find(part) != std::string::npos);
    }
}

TEST_CASE("containment and overlap stay within a family") {
    CHECK(of("198.51.100.0/24").contains(*Address::parse("198.51.100.255")));
    CHECK_FALSE(of("198.51.100.0/24").contains(*Address::parse("198.51.101.0")));
    CHECK_FALSE(of("0.0.0.0/0").contains(*Address::parse("::1")));
    CHECK(of("198.51.100.0/24").contains(of("198.51.100.128/25")));
    CHECK_FALSE(of("198.51.100.128/25").contains(of("198.51.100.0/24")));
    CHECK(of("198.51.100.128/25").overlaps(of("198.51.100.0/24")));
    CHECK_FALSE(of("198.51.100.128/25").overlaps(of("198.51.100.0/25")));
    CHECK_FALSE(of("::/0").overlaps(of("0.0.0.0/0")));
}

TEST_CASE("defaults and hosts are prefixes") {
    CHECK(Prefix::default_of(Family::ipv6).to_string() == "::/0");
    CHECK(Prefix::default_of(Family::ipv4).is_default());
    CHECK(Prefix::host(*Address::parse("192.0.2.1")).is_host());
    CHECK(Prefix::host(*Address::parse("::1")).to_string() == "::1/128");
    CHECK(Prefix(*Address::parse("192.0.2.77"), 24) == of("192.0.2.0/24"));
}

TEST_CASE("prefixes sort by address, then the shorter first, and hash alike when equal") {
    CHECK(of("10.0.0.0/8") < of("10.0.0.0/16"));
    CHECK(of("10.0.0.0/16") < of("10.1.0.0/16"));
    std::unordered_set<Prefix> set{of("10.0.0.0/8"), of("10.0.0.0/8"), of("10.0.0.0/9")};
    CHECK(set.size() == 2);
}

TEST_CASE("an interface address keeps its host part") {
    const auto address = InterfaceAddress::parse("192.0.2.2/30");
    REQUIRE(address);
    CHECK(address->to_string() == "192.0.2.2/30");
    CHECK(address->network() == of("192.0.2.0/30"));
    CHECK_FALSE(InterfaceAddress::parse("192.0.2.2"));
}
