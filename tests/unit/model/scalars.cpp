// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/scalars.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace std::chrono_literals;
using namespace detour;
using namespace detour::model;

TEST_CASE("a number is decimal digits within its bounds") {
    CHECK(parse_number("0", 0, 9, "n") == 0U);
    CHECK(parse_number("9", 0, 9, "n") == 9U);
    CHECK(parse_number("18446744073709551615", 0, UINT64_MAX, "n") == UINT64_MAX);
    for (const char* text : {"", "10", "-1", "+1", "01", "00", "0x1", "1_0", "1.0", "1e0", " 1",
                             "1 ", "18446744073709551616", "one"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number(text, 0, 9, "n"));
    }
    CHECK(parse_number("12x", 0, 99, "n").error().offset == 2);
    CHECK(parse_number_in<std::uint8_t, 1, 255>("255") == 255);
}

TEST_CASE("AS numbers are those that somebody can have") {
    CHECK(parse_as_number("1") == AsNumber(1));
    CHECK(parse_as_number("4294967294") == AsNumber(4294967294));
    for (const char* text : {"0", "23456", "65535", "4294967295", "4294967296", "AS1", "1.1", ""}) {
        CAPTURE(text);
        CHECK_FALSE(parse_as_number(text));
    }
}

TEST_CASE("communities have two parts of 16 bits or three of 32") {
    CHECK(parse_community("64496:0") == Community(StandardCommunity{64496, 0}));
    CHECK(parse_community("65535:65281") == Community(StandardCommunity{65535, 65281}));
    CHECK(parse_community("4200000000:4294967295:1") ==
          Community(LargeCommunity{4200000000, 4294967295, 1}));
    for (const char* text : {"", ":", "1", "1:", ":1", "65536:1", "1:2:3:4", "1::2",
                             "1:2:", "no-export", "1:4294967296:1", "a:b"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_community(text));
    }
    CHECK(parse_community("64496:70000").error().offset == 6);
}

TEST_CASE("a daily window may pass midnight but not be empty") {
    const auto night = parse_daily_window("22:30-05:00");
    REQUIRE(night);
    CHECK(night->from == 22h + 30min);
    CHECK(night->contains(23h));
    CHECK(night->contains(0min));
    CHECK_FALSE(night->contains(5h));
    const auto morning = parse_daily_window("02:00-05:00");
    REQUIRE(morning);
    CHECK(morning->contains(2h));
    CHECK_FALSE(morning->contains(1h + 59min));
    CHECK_FALSE(morning->contains(5h));
    for (const char* text : {"", "02:00", "2:00-5:00", "02:00-24:00", "02:60-05:00", "02:00-02:00",
                             "02:00 - 05:00", "ab:cd-05:00", "02.00-05.00"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_daily_window(text));
    }
}

TEST_CASE("a host's address is one that a host can have") {
    CHECK(parse_host_address("192.0.2.1"));
    CHECK(parse_host_address("2001:db8::1"));
    for (const char* text : {"0.0.0.0", "::", "127.0.0.1", "::1", "224.0.0.5", "ff02::1",
                             "255.255.255.255", "192.0.2.1/32", "fe80::1%eth0", "host.example"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_host_address(text));
    }
}

TEST_CASE("words are taken from their list") {
    CHECK(parse_mode("advise") == Mode::advise);
    CHECK(parse_mode("auto") == Mode::automatic);
    CHECK(parse_dataplane_kind("kernel") == DataplaneKind::kernel);
    CHECK(parse_poll_mode("busy") == PollMode::busy);
    CHECK(parse_uplink_kind("gre") == UplinkKind::gre);
    CHECK(parse_profile("quick") == Profile::quick);
    CHECK(parse_fail_back("auto") == FailBack::automatic);
    CHECK(parse_lan_dead("hold") == LanDead::hold);
    CHECK(parse_switch("true") == true);
    CHECK(parse_switch("false") == false);
    for (const char* text : {"yes", "no", "on", "True", "TRUE", "1", ""})
        CHECK_FALSE(parse_switch(text));
    CHECK(parse_profile("carefull").error().message.find("did you mean \"careful\"") !=
          std::string::npos);
    CHECK(parse_text("any: text"));
    CHECK_FALSE(parse_text(""));
    CHECK(parse_text("a\tb").error().offset == 1);
}

TEST_CASE("the nearest choice is the one a slip away, and a far word has none") {
    static constexpr std::array<std::string_view, 5> keys{"asn", "peers", "hold", "max-prefixes",
                                                          "password-file"};
    for (const auto& [text, meant] :
         {std::pair<std::string_view, std::string_view>{"ans", "asn"},  // swapped
          {"peer", "peers"},                                            // left out
          {"holld", "hold"},                                            // doubled
          {"max_prefixes", "max-prefixes"},
          {"passwordfile", "password-file"},
          {"pasword-fil", "password-file"},
          {"as", "asn"},
          {"x", ""},
          {"timeout", ""},
          {"", ""}}) {
        CAPTURE(text);
        CHECK(nearest(text, keys) == meant);
    }
    CHECK(nearest(std::string(1'000'000, 'a'), keys).empty());
}
