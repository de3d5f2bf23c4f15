// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The thread between the workers' rings and the kernel's twins: writes what workers punt into the
// TAP or TUN it came in by, reads what the kernel sends out of them and gives it to a worker.
// First-class punts (BGP, BFD, neighbours) go before the bulk, in every round.
//
// A thread of its own and not part of the engine's loop, because compiling a large routing table
// must not hold up a BFD packet.
#pragma once

#include <atomic>
#include <span>
#include <thread>
#include <vector>

#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/twin.h"
#include "dataplane/node/bell.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/punt.h"
#include "dataplane/node/vector.h"

struct rte_mempool;
struct rte_ring;

namespace detour::engine {

// Where the frames that the kernel sends out of a twin go.
struct ExchangeTwin {
    node::Origin origin;
    int descriptor = -1;
    rte_ring* injections = nullptr;  // of the worker that serves this twin
    node::Bell* bell = nullptr;      // of that worker
};

class Exchange {
 public:
    // `bell` is the exchange's own. `punts`: one pair of rings a worker. All outlives it.
    Exchange(std::vector<ExchangeTwin> twins, std::vector<node::PuntRings> punts, node::Bell& bell,
             rte_mempool* buffers);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    void start();
    // Returns when the thread has ended; what was in the rings is freed.
    void stop();

    // Somebody deleted a twin's interface under us.
    [[nodiscard]] bool has_lost_twin() const {
        return has_lost_twin_.load(std::memory_order_relaxed);
    }
    // Drops of this thread: twins that do not take what is written, full rings, no buffers.
    [[nodiscard]] const node::Counters& counters() const { return counters_; }

 private:
    void run();
    [[nodiscard]] std::size_t write_punts(rte_ring* ring, std::size_t budget);
    void write_punt(rte_mbuf* mbuf);
    [[nodiscard]] std::size_t read_twin(const ExchangeTwin& twin);
    void lose(const ExchangeTwin& twin);
    [[nodiscard]] bool has_punts() const;
    void wait(std::span<const ExchangeTwin*> ready, std::size_t& ready_count, bool may_sleep);

    std::vector<ExchangeTwin> twins_;
    std::vector<int> tap_descriptors_;  // by port
    std::vector<int> tun_descriptors_;  // by tunnel
    std::vector<node::PuntRings> punts_;
    node::Bell& bell_;
    rte_mempool* buffers_;
    node::Counters counters_{node::Extent{}};
    node::DropNode drops_{counters_};
    Descriptor poll_;
    std::atomic<bool> must_stop_{false};
    std::atomic<bool> has_lost_twin_{false};
    std::thread thread_;
};

}  // namespace detour::engine
