// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/address.h"

#include <doctest/doctest.h>

#include <string>
#include <unordered_set>

using detour::Address;
using detour::Family;

TEST_CASE("an address is read and written in its canonical text") {
    for (const auto& [text, canonical] : {std::pair{"192.0.2.1", "192.0.2.1"},
                                          {"0.0.0.0", "0.0.0.0"},
                                          {"2001:db8::1", "2001:db8::1"},
                                          {"2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
                                          {"::", "::"},
                                          {"::ffff:192.0.2.1", "::ffff:192.0.2.1"}}) {
        CAPTURE(text);
        const auto address = Address::parse(text);
        REQUIRE(address);
        CHECK(address->to_string() == canonical);
    }
}

TEST_CASE("a text that is not an address is refused with the place") {
    using namespace std::string_literals;
    for (const auto& [text, offset] : {std::pair{""s, 0U},
                                       {"192.0.2"s, 0U},
                                       {"192.0.2.256"s, 0U},
                                       {"192.0.2.1/24"s, 9U},
                                       {"192.0.2.010"s, 0U},
                                       {"fe80::1%eth0"s, 7U},
                                       {"mail"s, 0U},
                                       {"192.0.2.1\0"s, 9U},
                                       {":::"s, 0U}}) {
        CAPTURE(text);
        const auto address = Address::parse(text);
        REQUIRE_FALSE(address);
        CHECK(address.error().offset == offset);
        CHECK_FALSE(address.error().message.empty());
    }
}

TEST_CASE("bytes make an address only in the family's size") {
    const std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
    CHECK(Address::from_bytes(Family::ipv6, octets)->to_string() == "2001:db8::");
    CHECK(Address::from_bytes(Family::ipv4, std::span(octets).first(4))->to_string() ==
          "32.1.13.184");
    CHECK_FALSE(Address::from_bytes(Family::ipv4, octets));
    CHECK_FALSE(Address::from_bytes(Family::ipv6, std::span(octets).first(4)));
}

TEST_CASE("an IPv4 address is also a word, and its bits count from the most significant") {
    const auto address = Address::ipv4(0xc0000281);
    CHECK(address.to_string() == "192.0.2.129");
    CHECK(address.word() == 0xc0000281);
    CHECK(address.bit(0));
    CHECK(address.bit(1));
    CHECK_FALSE(address.bit(2));
    CHECK(address.bit(31));
}

TEST_CASE("masking clears every bit from the length on") {
    const auto v4 = *Address::parse("192.0.2.255");
    CHECK(v4.masked(32) == v4);
    CHECK(v4.masked(25).to_string() == "192.0.2.128");
    CHECK(v4.masked(24).to_string() == "192.0.2.0");
    CHECK(v4.masked(0).to_string() == "0.0.0.0");
    const auto v6 = *Address::parse("2001:db8:ffff::1");
    CHECK(v6.masked(128) == v6);
    CHECK(v6.masked(33).to_string() == "2001:db8:8000::");
    CHECK(v6.masked(0).to_string() == "::");
}

TEST_CASE("special addresses are told apart") {
    const auto of = [](const char* text) { return *Address::parse(text); };
    CHECK(of("0.0.0.0").is_unspecified());
    CHECK(of("::").is_unspecified());
    CHECK_FALSE(of("::1").is_unspecified());
    CHECK(of("127.8.8.8").is_loopback());
    CHECK(of("::1").is_loopback());
    CHECK_FALSE(of("128.0.0.1").is_loopback());
    CHECK(of("224.0.0.5").is_multicast());
    CHECK(of("239.255.255.255").is_multicast());
    CHECK_FALSE(of("240.0.0.0").is_multicast());
    CHECK(of("ff02::1").is_multicast());
    CHECK(of("169.254.1.1").is_link_local());
    CHECK(of("febf::1").is_link_local());
    CHECK_FALSE(of("fec0::1").is_link_local());
    CHECK(of("255.255.255.255").is_broadcast());
    CHECK_FALSE(of("255.255.255.254").is_broadcast());
}

TEST_CASE("IPv4 sorts before IPv6, then numerically, and equal addresses hash alike") {
    CHECK(*Address::parse("255.0.0.0") < *Address::parse("::"));
    CHECK(*Address::parse("10.0.0.2") < *Address::parse("10.0.0.10"));
    std::unordered_set<Address> set{*Address::parse("::1"), *Address::parse("0:0::1")};
    CHECK(set.size() == 1);
    CHECK(detour::to_string(Family::ipv4) == "ipv4");
    CHECK(detour::to_string(Family::ipv6) == "ipv6");
}
