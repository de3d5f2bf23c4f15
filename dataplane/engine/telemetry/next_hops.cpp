// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/next_hops.h"

namespace detour::engine {

void NextHops::follow(const fib::ForwardingState& state) {
    for (std::size_t place = 0; place < state.adjacencies.size(); ++place) {
        const fib::Adjacency& now = state.adjacencies[place];
        if (place == known_.size())
            known_.push_back({now, counted_(place), {}});
        else if (!(known_[place].adjacency == now))
            known_[place] = {now, counted_(place), {}};
    }
}

void NextHops::restart() {
    for (std::size_t place = 0; place < known_.size(); ++place) {
        known_[place].carried = of(place);
        known_[place].before = {};
    }
}

NextHops::Sum NextHops::of(std::size_t place) const {
    const Sum total = counted_(place);
    const auto& [adjacency, before, carried] = known_.at(place);
    return {carried.packets + total.packets - before.packets,
            carried.bytes + total.bytes - before.bytes};
}

}  // namespace detour::engine
