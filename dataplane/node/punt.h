// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Packets for the kernel: sorted into classes with budgets (punt_limiter.h), put into the ring of
// first-class or of bulk traffic, from which the exchange (engine/exchange.h) writes them into the
// twin of the interface they came in by. The original packet goes, TTL untouched. One node a
// worker; GRE to our own addresses never passes (design.md 2.4).
#pragma once

#include <cstdint>

#include "dataplane/node/bell.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/drop.h"
#include "dataplane/node/punt_limiter.h"
#include "dataplane/node/vector.h"
#include "dataplane/packet/reason.h"

struct rte_ring;

namespace detour::node {

// A worker's rings to the exchange. The elements are mbufs that hold what the kernel shall read:
// a frame for a TAP, a packet for a TUN; origin_of() says whose.
struct PuntRings {
    rte_ring* first_class = nullptr;
    rte_ring* bulk = nullptr;
    Bell* bell = nullptr;  // of the exchange
};

// The origin that travels with an mbuf through a ring.
[[nodiscard]] Origin origin_of(const rte_mbuf* mbuf);
void set_origin(rte_mbuf* mbuf, Origin origin);

class PuntNode {
 public:
    PuntNode(const PuntRings& rings, Counters& counters, DropNode& drops)
        : rings_(rings), counters_(counters), drops_(drops) {}

    // `now` in nanoseconds of a monotonic clock. `packet.ip` and `size` are what follows the
    // Ethernet header even when it is not IP (ARP). `peers` are the BGP neighbours of this burst's
    // forwarding state.
    void punt(const Packet& packet, packet::Punt reason, std::uint64_t now,
              const fib::AddressSet& peers);
    // Wakes the exchange if there is something for it; after every burst.
    void flush() {
        if (has_punted_)
            rings_.bell->ring();
        has_punted_ = false;
    }

 private:
    [[nodiscard]] bool allow(const Packet& packet, packet::Punt reason, PuntClass punt_class,
                             std::uint64_t now);

    PuntRings rings_;
    Counters& counters_;
    DropNode& drops_;
    PuntLimiter limiter_;
    bool has_punted_ = false;
};

}  // namespace detour::node
