// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A thread pinned to a core that polls its queues and runs every burst through the nodes to the
// end. It takes no lock and makes no system call but to sleep when idle; the drivers of virtual
// devices make theirs. Everything it shares is a ring, the published forwarding state, or a counter
// that it alone writes.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/worker/clock.h"
#include "dataplane/engine/worker/idle.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/node/bell.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/pipeline.h"
#include "dataplane/node/receive.h"
#include "dataplane/node/spray.h"
#include "dataplane/node/untag.h"

struct rte_ring;

namespace detour::engine {

// Frames from workers without a queue on `port`, for the worker that has one.
struct Relay {
    std::uint16_t port = 0;
    rte_ring* ring = nullptr;
};

struct WorkerRequest {
    std::size_t index = 0;  // also the reader number at the publisher
    unsigned core = 0;
    model::PollMode poll = model::PollMode::adaptive;
    node::Extent extent;
    packet::Reassembly::Limits fragments;
    std::vector<node::Inlet> inlets;
    std::vector<int> sockets;  // of the inlets, where they have any
    std::size_t blind_inlets = 0;
    std::vector<node::Outlet> outlets;  // by port
    std::vector<Relay> relays;
    std::vector<node::Neighbour> neighbours;  // by worker; empty: there is one worker
    std::vector<rte_ring*> shares;            // frames of our flows that other workers received
    node::PuntRings punts;
    rte_ring* injections = nullptr;  // from the exchange
};

class Worker {
 public:
    // `bell` is this worker's own; all that is referred to outlives it.
    Worker(WorkerRequest request, const node::TunnelFinder& tunnels, fib::Publisher& publisher,
           node::Bell& bell);

    // The thread's whole life; a state was published before.
    void run();
    // Any thread; run() then returns soon.
    void stop();

    [[nodiscard]] const node::Counters& counters() const { return counters_; }
    [[nodiscard]] const WorkerRequest& request() const { return request_; }

 private:
    // Each answers how many packets it worked on.
    std::size_t poll_ports(const fib::ForwardingState& state, std::uint64_t now);
    std::size_t take_shares(const fib::ForwardingState& state, std::uint64_t now);
    // Of a device that carries VLANs.
    void work_untagged(const fib::ForwardingState& state, std::uint64_t now,
                       const node::Inlet& inlet, std::span<rte_mbuf* const> frames);
    // What came in by a port: this worker's share.
    void work(const fib::ForwardingState& state, std::uint64_t now, PortId port,
              node::Spread spread, std::span<rte_mbuf* const> frames);
    std::size_t take_injections(const fib::ForwardingState& state, std::uint64_t now);
    std::size_t take_relays();
    [[nodiscard]] bool has_work_in_rings() const;
    void sleep();

    WorkerRequest request_;
    fib::Publisher& publisher_;
    node::Bell& bell_;
    node::Counters counters_;
    node::Pipeline pipeline_;
    Idle idle_;
    TickClock clock_;
    node::Frames frames_{};
    node::Untagged untagged_;
    node::Spray spray_;
    std::atomic<bool> must_stop_{false};
};

}  // namespace detour::engine
