// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A run of the simulator as a text: the shape of the box, the temper of the world, the events in
// order, and what is expected to come of them. Every run can be written so, a random one too
// (`weather random`), and replays exactly.
//
//     # The provider null-routes mail; web stays.
//     #
//     # null-route  ......====================........
//     #
//     profile careful
//     length 20min
//     at 5min null-route mail provider inside for 10min
//     expect NULLROUTED mail/ipv4 provider from 306s to 309s
//     expect escape mail/ipv4 partner from 306s to 310s
//
// Expectations are complete: a verdict that alarms or a move that is not expected is a failure.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/script/event.h"
#include "tests/sim/world/shape.h"

namespace sim {

struct Expectation {
    std::string what;    // a verdict's name, or escape, planned, failback
    std::string block;   // mail/ipv4
    std::string uplink;  // of the verdict; where the move goes
    Duration from{};
    Duration to{};
};

struct Scenario {
    std::string title;
    Shape shape;
    std::uint64_t seed = 1;
    Duration length = std::chrono::minutes(20);
    // Round trips, loss, delays, traffic and the world's map: as the seed has them, or the plain
    // ones.
    enum class Weather : std::uint8_t { plain, random } weather = Weather::plain;
    std::vector<Event> events;  // by time
    std::vector<Expectation> expected;
};

// An error is "LINE: what is wrong".
[[nodiscard]] std::expected<Scenario, std::string> parse_scenario(std::string_view text);
// With the timeline drawn on top.
[[nodiscard]] std::string to_string(const Scenario& scenario);
[[nodiscard]] std::string draw(const Scenario& scenario);
[[nodiscard]] std::string to_string(const Expectation& expectation);

}  // namespace sim
