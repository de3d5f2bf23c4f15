// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/worker/fabric.h"

#include <fmt/format.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/engine/buffers.h"

namespace detour::engine {
namespace {

// The worker that owns queue `queue` of port `port` when the port has `count` of them.
std::size_t owner(std::size_t port, std::size_t queue, std::size_t count, std::size_t workers) {
    return count == workers ? queue : (port + queue) % workers;
}

// The port whose device this one's frames run over: its own place, or its parent's.
std::size_t home(std::span<const Port> ports, std::size_t index) {
    const auto parent = ports[index].parent();
    return parent ? parent->value : index;
}

int run_worker(void* worker) {
    static_cast<Worker*>(worker)->run();
    return 0;
}

}  // namespace

void Fabric::FreeRing::operator()(rte_ring* ring) const {
    void* left = nullptr;
    while (rte_ring_dequeue(ring, &left) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
    rte_ring_free(ring);
}

std::expected<std::unique_ptr<Fabric>, Error> Fabric::make(const FabricRequest& request,
                                                           const node::TunnelFinder& tunnels,
                                                           fib::Publisher& publisher) {
    std::unique_ptr<Fabric> fabric(new Fabric);
    if (auto built = fabric->build(request, tunnels, publisher); !built)
        return std::unexpected(built.error());
    return fabric;
}

Fabric::~Fabric() {
    stop();
}

rte_ring* Fabric::make_ring(const std::string& name, unsigned flags) {
    rte_ring* const ring =
        rte_ring_create(name.c_str(), ring_size, static_cast<int>(rte_socket_id()), flags);
    if (ring != nullptr)
        rings_.emplace_back(ring);
    return ring;
}

std::expected<void, Error> Fabric::build(const FabricRequest& request,
                                         const node::TunnelFinder& tunnels,
                                         fib::Publisher& publisher) {
    const Error no_memory{"no memory for the rings between the workers"};
    tunnels_ = &tunnels;
    std::vector<WorkerRequest> workers(request.cores.size());
    for (std::size_t i = 0; i < workers.size(); ++i) {
        worker_bells_.push_back(std::make_unique<node::Bell>());
        WorkerRequest& worker = workers[i];
        worker.index = i;
        worker.core = request.cores[i];
        worker.poll = request.poll;
        worker.extent = request.extent;
        worker.fragments = request.fragments;
        worker.punts = {
            .first_class = make_ring(fmt::format("punt{}", i), RING_F_SP_ENQ | RING_F_SC_DEQ),
            .bulk = make_ring(fmt::format("bulk{}", i), RING_F_SP_ENQ | RING_F_SC_DEQ),
            .bell = &exchange_bell_};
        worker.injections = make_ring(fmt::format("inject{}", i), RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (worker.punts.first_class == nullptr || worker.punts.bulk == nullptr ||
            worker.injections == nullptr)
            return std::unexpected(no_memory);
    }
    note_vlans(request.ports);
    if (!add_shares(workers))
        return std::unexpected(no_memory);
    for (std::size_t port = 0; port < request.ports.size(); ++port)
        if (!add_port(request, port, workers))
            return std::unexpected(no_memory);
    std::vector<node::PuntRings> punts;
    for (const WorkerRequest& worker : workers)
        punts.push_back(worker.punts);
    exchange_ = std::make_unique<Exchange>(exchange_twins(request, workers), std::move(punts),
                                           exchange_bell_, request.buffers);
    for (std::size_t i = 0; i < workers.size(); ++i)
        workers_.push_back(
            std::make_unique<Worker>(std::move(workers[i]), tunnels, publisher, *worker_bells_[i]));
    return {};
}

void Fabric::note_vlans(std::span<const Port> ports) {
    vlans_.resize(ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const auto parent = ports[i].parent();
        if (!parent)
            continue;
        auto& vlans = vlans_[parent->value];
        if (vlans == nullptr)
            vlans = std::make_unique<node::VlanPorts>(*parent);
        vlans->add(ports[i].vlan(), PortId(static_cast<std::uint16_t>(i)));
    }
}

bool Fabric::add_shares(std::vector<WorkerRequest>& workers) {
    const std::size_t count = workers.size();
    for (std::size_t from = 0; count > 1 && from < count; ++from) {
        workers[from].neighbours.resize(count);
        for (std::size_t to = 0; to < count; ++to) {
            if (from == to)
                continue;
            rte_ring* const ring =
                make_ring(fmt::format("share{}-{}", from, to), RING_F_SP_ENQ | RING_F_SC_DEQ);
            if (ring == nullptr)
                return false;
            workers[from].neighbours[to] = {.ring = ring, .bell = worker_bells_[to].get()};
            workers[to].shares.push_back(ring);
        }
    }
    return true;
}

bool Fabric::add_port(const FabricRequest& request, std::size_t index,
                      std::vector<WorkerRequest>& workers) {
    Port& port = request.ports[index];
    const std::size_t count = port.receive_queue_count();
    const bool has_sockets = port.sockets().size() >= count;
    for (std::size_t queue = 0; queue < count; ++queue) {
        WorkerRequest& worker = workers[owner(index, queue, count, workers.size())];
        worker.inlets.push_back({.port = PortId(static_cast<std::uint16_t>(index)),
                                 .vlans = vlans_[index].get(),
                                 .spread = port.spread(),
                                 .device = port.device(),
                                 .queue = static_cast<std::uint16_t>(queue)});
        if (has_sockets)
            worker.sockets.push_back(port.sockets()[queue]);
        else
            ++worker.blind_inlets;
    }
    return add_outlets(request, index, workers);
}

bool Fabric::add_outlets(const FabricRequest& request, std::size_t index,
                         std::vector<WorkerRequest>& workers) {
    Port& port = request.ports[index];
    const std::size_t place = home(request.ports, index);
    const std::size_t count = port.transmit_queue_count();
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const std::size_t queue = i % count;
        const std::size_t owning = owner(place, queue, count, workers.size());
        node::Outlet outlet{.device = port.device(),
                            .queue = static_cast<std::uint16_t>(queue),
                            .vlan = port.vlan(),
                            .is_up = &port.is_up()};
        if (owning == i) {
            outlet.ring = request.ports[place].send_ring(queue);
        } else {
            outlet.relay =
                make_ring(fmt::format("relay{}-{}", index, i), RING_F_SP_ENQ | RING_F_SC_DEQ);
            if (outlet.relay == nullptr)
                return false;
            outlet.bell = worker_bells_[owning].get();
            workers[owning].relays.push_back(
                {.port = static_cast<std::uint16_t>(index), .ring = outlet.relay});
        }
        workers[i].outlets.push_back(outlet);
    }
    return add_own_outlet(index, owner(place, 0, count, workers.size()), workers);
}

bool Fabric::add_own_outlet(std::size_t port, std::size_t owning,
                            std::vector<WorkerRequest>& workers) {
    OwnOutlet outlet{.ring = make_ring(fmt::format("own{}", port), RING_F_SP_ENQ | RING_F_SC_DEQ),
                     .bell = worker_bells_[owning].get()};
    if (outlet.ring == nullptr)
        return false;
    workers[owning].relays.push_back(
        {.port = static_cast<std::uint16_t>(port), .ring = outlet.ring});
    own_outlets_.push_back(outlet);
    return true;
}

NextHops::Sum Fabric::carried(std::size_t place) const {
    NextHops::Sum sum;
    for (const auto& worker : workers_) {
        const node::PacketCount& count = worker->counters().adjacencies[place];
        sum.packets += count.packets.get();
        sum.bytes += count.bytes.get();
    }
    return sum;
}

bool Fabric::send(std::uint16_t port, rte_mbuf* mbuf) {
    if (rte_ring_sp_enqueue(own_outlets_[port].ring, mbuf) != 0)
        return false;
    own_outlets_[port].bell->ring();
    return true;
}

std::vector<ExchangeTwin> Fabric::exchange_twins(const FabricRequest& request,
                                                 std::span<const WorkerRequest> workers) const {
    std::vector<ExchangeTwin> twins;
    const auto add = [&](node::Origin origin, const Twin& twin, std::size_t worker) {
        twins.push_back({.origin = origin,
                         .descriptor = twin.descriptor(),
                         .injections = workers[worker].injections,
                         .bell = worker_bells_[worker].get()});
    };
    for (std::size_t i = 0; i < request.port_twins.size(); ++i)
        add(node::Origin(PortId(static_cast<std::uint16_t>(i))), request.port_twins[i],
            owner(home(request.ports, i), 0, request.ports[i].transmit_queue_count(),
                  workers.size()));
    for (std::size_t i = 0; i < request.tunnel_twins.size(); ++i)
        add(node::Origin(fib::TunnelIndex(static_cast<std::uint16_t>(i))), request.tunnel_twins[i],
            i % workers.size());
    return twins;
}

void Fabric::start() {
    is_running_ = true;
    exchange_->start();
    // Lcore 0 is the main thread, lcore i + 1 worker i (eal.h).
    for (std::size_t i = 0; i < workers_.size(); ++i)
        rte_eal_remote_launch(run_worker, workers_[i].get(), static_cast<unsigned>(i + 1));
}

void Fabric::stop() {
    if (!std::exchange(is_running_, false))
        return;
    for (const auto& worker : workers_)
        worker->stop();
    rte_eal_mp_wait_lcore();
    exchange_->stop();
}

}  // namespace detour::engine
