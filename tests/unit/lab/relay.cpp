// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/relay.h"

#include <doctest/doctest.h>

#include <chrono>

namespace detour::lab {

using namespace std::chrono_literals;

TEST_CASE("a frame leaves at the other end after the delay, and not before") {
    Cable cable({.left = "", .right = "", .delay = 10ms});
    const Instant start{};
    cable.put(Side::left, {1}, start);
    CHECK(cable.next_deadline() == start + 10ms);
    CHECK_FALSE(cable.take(start + 9ms).has_value());
    const auto delivery = cable.take(start + 10ms);
    REQUIRE(delivery.has_value());
    CHECK(delivery->to == Side::right);
    CHECK(delivery->frame == Bytes{1});
    CHECK_FALSE(cable.next_deadline().has_value());
}

TEST_CASE("frames of one moment keep their order") {
    Cable cable({.left = "", .right = "", .delay = 1ms});
    for (std::uint8_t i = 0; i < 100; ++i)
        cable.put(Side::right, {i}, Instant{});
    for (std::uint8_t i = 0; i < 100; ++i)
        CHECK(cable.take(Instant{} + 1ms)->frame == Bytes{i});
}

TEST_CASE("jitter stays within its bounds") {
    Cable cable({.left = "", .right = "", .delay = 10ms, .jitter = 5ms});
    for (int i = 0; i < 1000; ++i)
        cable.put(Side::left, {}, Instant{});
    Instant last{};
    while (const auto delivery = cable.take(Instant{} + 1s)) {
        CHECK(delivery->due >= Instant{} + 10ms);
        CHECK(delivery->due <= Instant{} + 15ms);
        CHECK(delivery->due >= last);
        last = delivery->due;
    }
}

TEST_CASE("a share is lost and a share comes twice") {
    Cable cable({.left = "", .right = "", .loss = 0.2, .duplicate = 0.1});
    for (int i = 0; i < 10000; ++i)
        cable.put(Side::left, {}, Instant{});
    while (cable.take(Instant{})) {
    }
    CHECK(cable.lost_count() > 1800);
    CHECK(cable.lost_count() < 2200);
    CHECK(cable.duplicate_count() > 700);
    CHECK(cable.duplicate_count() < 900);
    CHECK(cable.passed_count() == 10000 - cable.lost_count() + cable.duplicate_count());
}

}  // namespace detour::lab
