// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/publisher.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using detour::fib::ForwardingState;
using detour::fib::Publisher;

namespace {

std::unique_ptr<const ForwardingState> state(std::uint64_t generation) {
    auto result = std::make_unique<ForwardingState>();
    result->generation = generation;
    result->leaves.resize(64);
    for (auto& leaf : result->leaves)
        leaf.adjacency = static_cast<std::uint16_t>(generation);
    return result;
}

}  // namespace

TEST_CASE("nothing is published before the first state") {
    const Publisher publisher(2);
    CHECK(publisher.load() == nullptr);
}

TEST_CASE("without readers the old state is freed at once") {
    Publisher publisher(2);
    publisher.publish(state(1));
    publisher.publish(state(2));
    CHECK(publisher.load()->generation == 2);
    CHECK(publisher.reclaim() == 0);
}

TEST_CASE("a reader holds back what it may have loaded until its next quiet moment") {
    Publisher publisher(2);
    publisher.publish(state(1));
    publisher.enter(0);
    publisher.enter(1);
    const ForwardingState* held = publisher.load();
    publisher.publish(state(2));
    publisher.publish(state(3));
    CHECK(held->generation == 1);
    CHECK(publisher.reclaim() == 2);
    publisher.quiesce(1);
    CHECK(publisher.reclaim() == 2);
    publisher.quiesce(0);
    CHECK(publisher.reclaim() == 0);
    CHECK(publisher.load()->generation == 3);
}

TEST_CASE("a reader that left holds back nothing, and counts again once it entered") {
    Publisher publisher(1);
    publisher.publish(state(1));
    publisher.enter(0);
    publisher.leave(0);
    publisher.publish(state(2));
    CHECK(publisher.reclaim() == 0);
    publisher.enter(0);
    publisher.publish(state(3));
    CHECK(publisher.reclaim() == 1);
    publisher.quiesce(0);
    CHECK(publisher.reclaim() == 0);
}

TEST_CASE("a reader that is quiet between two publishes frees only what came before") {
    Publisher publisher(1);
    publisher.publish(state(1));
    publisher.enter(0);
    publisher.publish(state(2));
    publisher.quiesce(0);
    publisher.publish(state(3));
    CHECK(publisher.reclaim() == 1);
}

TEST_CASE("a moment has passed once every reader was quiet after it, or away") {
    Publisher publisher(2);
    publisher.publish(state(1));
    publisher.enter(0);
    const std::uint64_t first = publisher.mark();
    CHECK_FALSE(publisher.has_passed(first));
    publisher.quiesce(0);
    CHECK(publisher.has_passed(first));
    const std::uint64_t second = publisher.mark();
    publisher.enter(1);
    CHECK_FALSE(publisher.has_passed(second));
    publisher.leave(0);
    CHECK(publisher.has_passed(second));
    // A mark holds up no state, and a state no mark.
    publisher.publish(state(2));
    publisher.quiesce(1);
    CHECK(publisher.reclaim() == 0);
}

TEST_CASE("readers on threads never see a freed or a half-built state") {
    constexpr int reader_count = 2;
    Publisher publisher(reader_count);
    publisher.publish(state(1));
    std::atomic<bool> is_over{false};
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (std::size_t reader = 0; reader < reader_count; ++reader)
        threads.emplace_back([&, reader] {
            std::uint64_t last = 0;
            publisher.enter(reader);
            for (std::uint64_t round = 0; !is_over; ++round) {
                const ForwardingState* now = publisher.load();
                for (const auto& leaf : now->leaves)
                    wrong += leaf.adjacency != static_cast<std::uint16_t>(now->generation);
                wrong += now->generation < last;
                last = now->generation;
                if (round % 16 == 0) {
                    publisher.leave(reader);
                    publisher.enter(reader);
                } else {
                    publisher.quiesce(reader);
                }
            }
            publisher.leave(reader);
        });
    for (std::uint64_t generation = 2; generation < 3000; ++generation)
        publisher.publish(state(generation));
    is_over = true;
    threads.clear();
    CHECK(wrong == 0);
    CHECK(publisher.reclaim() == 0);
}
