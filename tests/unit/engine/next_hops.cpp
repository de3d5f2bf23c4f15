// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/next_hops.h"

#include <doctest/doctest.h>

using namespace detour;
using detour::engine::NextHops;

namespace {

fib::Adjacency by_port(std::uint16_t port) {
    fib::Adjacency adjacency;
    adjacency.verb = fib::Verb::forward;
    adjacency.port = port;
    return adjacency;
}

}  // namespace

TEST_CASE("a next hop has what was counted since it stands at its place") {
    std::vector<NextHops::Sum> counted(3);
    NextHops next_hops([&](std::size_t place) { return counted[place]; });
    fib::ForwardingState state;
    state.adjacencies = {by_port(0), by_port(1)};
    next_hops.follow(state);
    counted[1] = {.packets = 5, .bytes = 500};
    CHECK(next_hops.of(1).packets == 5);

    // The same next hop in a newer state goes on.
    next_hops.follow(state);
    CHECK(next_hops.of(1).packets == 5);
    CHECK(next_hops.of(1).bytes == 500);

    // Another at its place begins anew, and so does one that comes later at an unused place.
    state.adjacencies[1] = by_port(2);
    state.adjacencies.push_back(by_port(3));
    counted[2] = {.packets = 9, .bytes = 900};
    next_hops.follow(state);
    CHECK(next_hops.of(1).packets == 0);
    CHECK(next_hops.of(2).packets == 0);
    counted[1] = {.packets = 7, .bytes = 650};
    CHECK(next_hops.of(1).packets == 2);
    CHECK(next_hops.of(1).bytes == 150);

    // The first one back at its place: what it had is forgotten.
    state.adjacencies[1] = by_port(1);
    next_hops.follow(state);
    CHECK(next_hops.of(1).packets == 0);
}

TEST_CASE("a next hop keeps what it had when the workers are made anew and count from zero") {
    std::vector<NextHops::Sum> counted(1);
    NextHops next_hops([&](std::size_t place) { return counted[place]; });
    fib::ForwardingState state;
    state.adjacencies = {by_port(0)};
    next_hops.follow(state);
    state.adjacencies[0] = by_port(1);
    counted[0] = {.packets = 10, .bytes = 1000};
    next_hops.follow(state);
    counted[0] = {.packets = 14, .bytes = 1400};

    next_hops.restart();
    counted[0] = {};
    next_hops.follow(state);
    CHECK(next_hops.of(0).packets == 4);
    // Fewer than there were before, as many, more: the sum only grows.
    for (const std::uint64_t packets : {3U, 10U, 25U}) {
        counted[0] = {.packets = packets, .bytes = 100 * packets};
        CHECK(next_hops.of(0).packets == 4 + packets);
        CHECK(next_hops.of(0).bytes == 100 * (4 + packets));
    }
}
