// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The threads that move packets and what lies between them: workers on their cores, the exchange,
// the rings and bells. Who polls which queue is decided here:
//     receive queue q of port p     worker (p + q) mod n, or worker q if there is one a worker
//     transmit queue of worker w    w if the port has so many, else by a relay to an owner
//     a port that is a VLAN         as its parent, whose device it shares
//     a port's twin                 the worker that owns the port's first transmit queue
//     a tunnel's twin               worker t mod n
//     frames of the engine itself   the worker that owns the port's first transmit queue
//     a flow                        one worker, whoever receives it (node/spray.h), unless the
//                                   device has spread it over the queues
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/port/port.h"
#include "dataplane/engine/telemetry/next_hops.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/worker/exchange.h"
#include "dataplane/engine/worker/worker.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/node/tunnel_finder.h"

namespace detour::engine {

struct FabricRequest {
    std::span<Port> ports;               // by PortId, configured
    std::span<const Twin> port_twins;    // by PortId
    std::span<const Twin> tunnel_twins;  // by TunnelIndex
    std::vector<unsigned> cores;         // by worker
    model::PollMode poll = model::PollMode::adaptive;
    node::Extent extent;
    packet::Reassembly::Limits fragments;  // of each worker
    rte_mempool* buffers = nullptr;
};

class Fabric {
 public:
    // All that is referred to outlives the fabric. Throws nothing; a ring that cannot be made is an
    // error.
    [[nodiscard]] static std::expected<std::unique_ptr<Fabric>, Error> make(
        const FabricRequest& request, const node::TunnelFinder& tunnels, fib::Publisher& publisher);
    ~Fabric();
    Fabric(const Fabric&) = delete;
    Fabric& operator=(const Fabric&) = delete;

    // A forwarding state was published, ports are started.
    void start();
    // All threads have ended when it returns.
    void stop();

    [[nodiscard]] std::span<const std::unique_ptr<Worker>> workers() const { return workers_; }
    [[nodiscard]] const Exchange& exchange() const { return *exchange_; }
    [[nodiscard]] const node::TunnelFinder& tunnels() const { return *tunnels_; }

    // What all workers counted at a place of ForwardingState::adjacencies.
    [[nodiscard]] NextHops::Sum carried(std::size_t place) const;

    // A whole frame of the engine's own, from its thread. False: it was not taken.
    [[nodiscard]] bool send(std::uint16_t port, rte_mbuf* mbuf);

 private:
    struct FreeRing {
        void operator()(rte_ring* ring) const;
    };

    Fabric() = default;
    [[nodiscard]] std::expected<void, Error> build(const FabricRequest& request,
                                                   const node::TunnelFinder& tunnels,
                                                   fib::Publisher& publisher);
    void note_vlans(std::span<const Port> ports);
    // Rings from each worker to each other.
    [[nodiscard]] bool add_shares(std::vector<WorkerRequest>& workers);
    // Null when there is no memory.
    rte_ring* make_ring(const std::string& name, unsigned flags);
    [[nodiscard]] bool add_port(const FabricRequest& request, std::size_t port,
                                std::vector<WorkerRequest>& workers);
    [[nodiscard]] bool add_outlets(const FabricRequest& request, std::size_t index,
                                   std::vector<WorkerRequest>& workers);
    [[nodiscard]] bool add_own_outlet(std::size_t port, std::size_t owning,
                                      std::vector<WorkerRequest>& workers);
    [[nodiscard]] std::vector<ExchangeTwin> exchange_twins(
        const FabricRequest& request, std::span<const WorkerRequest> workers) const;

    struct OwnOutlet {
        rte_ring* ring = nullptr;
        node::Bell* bell = nullptr;
    };

    std::vector<std::unique_ptr<rte_ring, FreeRing>> rings_;
    std::vector<OwnOutlet> own_outlets_;                   // by port
    std::vector<std::unique_ptr<node::VlanPorts>> vlans_;  // by port; null: it carries none
    const node::TunnelFinder* tunnels_ = nullptr;
    std::vector<std::unique_ptr<node::Bell>> worker_bells_;
    node::Bell exchange_bell_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::unique_ptr<Exchange> exchange_;
    bool is_running_ = false;
};

}  // namespace detour::engine
