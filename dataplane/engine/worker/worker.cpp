// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/worker/worker.h"

#include <rte_ring.h>

#include <algorithm>

namespace detour::engine {
namespace {

// Per round, so that a chatty kernel cannot keep a worker from its ports.
constexpr unsigned injection_budget = 32;

}  // namespace

Worker::Worker(WorkerRequest request, const node::TunnelFinder& tunnels, fib::Publisher& publisher,
               node::Bell& bell)
    : request_(std::move(request)),
      publisher_(publisher),
      bell_(bell),
      counters_(request_.extent),
      pipeline_(tunnels, counters_, request_.outlets, request_.punts),
      idle_(request_.poll, request_.sockets, request_.blind_inlets, bell) {}

void Worker::run() {
    idle_.settle();
    publisher_.enter(request_.index);
    while (!must_stop_.load(std::memory_order_relaxed)) {
        const std::uint64_t start = rte_rdtsc();
        const fib::ForwardingState& state = *publisher_.load();
        const std::uint64_t now = clock_.nanoseconds(start);
        const std::size_t worked =
            poll_ports(state, now) + take_injections(state, now) + take_relays();
        publisher_.quiesce(request_.index);
        if (worked != 0) {
            idle_.refresh();
            counters_.bursts.add(1);
            counters_.packets.add(worked);
            counters_.busy_ticks.add(rte_rdtsc() - start);
        } else if (idle_.is_tired()) {
            sleep();
        }
    }
    publisher_.leave(request_.index);
}

void Worker::stop() {
    must_stop_.store(true, std::memory_order_relaxed);
    bell_.ring();
}

std::size_t Worker::poll_ports(const fib::ForwardingState& state, std::uint64_t now) {
    std::size_t worked = 0;
    for (const node::Inlet& inlet : request_.inlets) {
        const std::span<rte_mbuf*> frames = node::receive(inlet, frames_);
        if (frames.empty())
            continue;
        pipeline_.work(state, now, inlet.port, frames);
        worked += frames.size();
    }
    return worked;
}

std::size_t Worker::take_injections(const fib::ForwardingState& state, std::uint64_t now) {
    void** const elements = reinterpret_cast<void**>(frames_.data());
    const unsigned count =
        rte_ring_sc_dequeue_burst(request_.injections, elements, injection_budget, nullptr);
    if (count != 0)
        pipeline_.inject(state, now, std::span(frames_).first(count));
    return count;
}

std::size_t Worker::take_relays() {
    std::size_t worked = 0;
    for (const Relay& relay : request_.relays) {
        void** const elements = reinterpret_cast<void**>(frames_.data());
        const unsigned count =
            rte_ring_sc_dequeue_burst(relay.ring, elements, node::vector_size, nullptr);
        if (count != 0)
            pipeline_.relay(relay.port, std::span(frames_).first(count));
        worked += count;
    }
    return worked;
}

bool Worker::has_work_in_rings() const {
    return rte_ring_empty(request_.injections) == 0 ||
           std::ranges::any_of(request_.relays,
                               [](const Relay& relay) { return rte_ring_empty(relay.ring) == 0; });
}

void Worker::sleep() {
    bell_.announce();
    if (!has_work_in_rings() && !must_stop_.load(std::memory_order_relaxed)) {
        counters_.sleeps.add(1);
        publisher_.leave(request_.index);
        idle_.sleep();
        publisher_.enter(request_.index);
    }
    bell_.answer();
}

}  // namespace detour::engine
