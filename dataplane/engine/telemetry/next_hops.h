// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What each next hop has carried since it is one. Workers count by its place in the forwarding
// state; a place is given to another next hop when the first is gone, so what stood there by then
// is taken off. Workers that are made anew count from zero; what a next hop had by then is kept.
// The engine's thread alone.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "dataplane/fib/forwarding_state.h"

namespace detour::engine {

class NextHops {
 public:
    struct Sum {
        std::uint64_t packets = 0;
        std::uint64_t bytes = 0;
    };
    // What all workers counted at a place since they were made.
    using Counted = std::function<Sum(std::size_t place)>;

    explicit NextHops(Counted counted) : counted_(std::move(counted)) {}

    // This state is the workers' from now on.
    void follow(const fib::ForwardingState& state);
    // The workers stand still, and others will count from zero.
    void restart();
    // Of a next hop of the state that was followed last.
    [[nodiscard]] Sum of(std::size_t place) const;

 private:
    struct Known {
        fib::Adjacency adjacency;
        Sum before;   // what the workers had counted at its place when it came there
        Sum carried;  // by workers that are gone
    };

    Counted counted_;
    std::vector<Known> known_;  // by place
};

}  // namespace detour::engine
