// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Spreads what one worker receives over all of them, where the device does not: by the hash of the
// flow inside GRE, so that one tunnel is not one worker's, and every flow is, in its order. A
// worker keeps its own share and hands the rest over through rings, one from each worker to each
// other; the port goes along (origin_of()). A box with one worker has no spray.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "conf/types/ids.h"
#include "dataplane/node/bell.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/vector.h"

struct rte_ring;

namespace detour::node {

// What of a port's frames is to be spread: what its device has spread already stays where it is.
enum class Spread : std::uint8_t {
    nothing,
    tunnelled,  // GRE, which the device took for one flow
    everything,
};

// The way to another worker; none to oneself.
struct Neighbour {
    rte_ring* ring = nullptr;
    Bell* bell = nullptr;  // of that worker
};

class Spray {
 public:
    // By worker. All that is referred to outlives it.
    Spray(std::span<const Neighbour> workers, Counters& counters)
        : workers_(workers.begin(), workers.end()), counters_(counters) {}

    struct Shares {
        std::span<rte_mbuf* const> own;      // in their order, good until the next call
        std::span<rte_mbuf* const> refused;  // their worker is behind
    };
    // At most vector_size frames that came in by `port`; not Spread::nothing.
    [[nodiscard]] Shares share(PortId port, Spread spread, std::span<rte_mbuf* const> frames);

 private:
    struct Parcel {
        std::array<rte_mbuf*, vector_size> frames;
        std::size_t count = 0;
    };
    void hand_over(std::size_t worker);

    std::vector<Neighbour> workers_;
    Counters& counters_;
    std::vector<Parcel> parcels_ = std::vector<Parcel>(workers_.size());
    Parcel own_;
    Parcel refused_;
};

}  // namespace detour::node
