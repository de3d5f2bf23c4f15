// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/next_hops.h"

namespace detour::engine {

void NextHops::follow(const fib::ForwardingState& state) {
    for (std::size_t place = 0; place < state.adjacencies.size(); ++place) {
        const fib::Adjacency& now = state.adjacencies[place];
        if (place == known_.size())
            known_.push_back({now, counted_(place)});
        else if (!(known_[place].adjacency == now))
            known_[place] = {now, counted_(place)};
    }
}

NextHops::Sum NextHops::of(std::size_t place) const {
    const Sum total = counted_(place);
    const Sum& before = known_.at(place).before;
    if (total.packets < before.packets)  // the workers are other ones now, and count from zero
        return total;
    return {total.packets - before.packets, total.bytes - before.bytes};
}

}  // namespace detour::engine
