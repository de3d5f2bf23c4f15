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
      pipeline_(tunnels, counters_, request_.outlets, request_.punts, request_.fragments),
      idle_(request_.poll, request_.sockets, request_.blind_inlets, bell),
      spray_(request_.neighbours, counters_) {}

void Worker::run() {
    idle_.settle();
    publisher_.enter(request_.index);
    // One look at the clock a round: it costs as much as admitting two packets.
    for (std::uint64_t start = rte_rdtsc(); !must_stop_.load(std::memory_order_relaxed);) {
        const fib::ForwardingState& state = *publisher_.load();
        const std::uint64_t now = clock_.nanoseconds(start);
        const std::size_t worked = poll_ports(state, now) + take_shares(state, now) +
                                   take_injections(state, now) + take_relays();
        pipeline_.expire(now);
        const bool is_waiting = pipeline_.look_after_sent(now);
        publisher_.quiesce(request_.index);
        if (worked == 0 && !is_waiting && idle_.is_tired())
            sleep();
        const std::uint64_t end = rte_rdtsc();
        if (worked != 0) {
            idle_.refresh();
            counters_.bursts.add(1);
            counters_.packets.add(worked);
            counters_.busy_ticks.add(end - start);
        }
        start = end;
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
        if (inlet.vlans == nullptr) [[likely]]
            work(state, now, inlet.port, inlet.spread, frames);
        else
            work_untagged(state, now, inlet, frames);
        worked += frames.size();
    }
    return worked;
}

void Worker::work_untagged(const fib::ForwardingState& state, std::uint64_t now,
                           const node::Inlet& inlet, std::span<rte_mbuf* const> frames) {
    untagged_.sort(*inlet.vlans, frames);
    for (const node::Untagged::Group& group : untagged_.groups())
        work(state, now, group.port, inlet.spread, std::span(group.frames).first(group.count));
    if (!untagged_.strangers().empty())
        pipeline_.refuse(packet::Drop::unknown_vlan, untagged_.strangers());
}

void Worker::work(const fib::ForwardingState& state, std::uint64_t now, PortId port,
                  node::Spread spread, std::span<rte_mbuf* const> frames) {
    if (spread == node::Spread::nothing) [[likely]]
        return pipeline_.work(state, now, port, frames);
    const node::Spray::Shares shares = spray_.share(port, spread, frames);
    if (!shares.own.empty())
        pipeline_.work(state, now, port, shares.own);
    if (!shares.refused.empty())
        pipeline_.refuse(packet::Drop::worker_full, shares.refused);
}

std::size_t Worker::take_shares(const fib::ForwardingState& state, std::uint64_t now) {
    std::size_t worked = 0;
    for (rte_ring* ring : request_.shares) {
        void** const elements = reinterpret_cast<void**>(frames_.data());
        const unsigned count =
            rte_ring_sc_dequeue_burst(ring, elements, node::vector_size, nullptr);
        // Frames in a row of one port.
        for (std::span<rte_mbuf*> rest = std::span(frames_).first(count); !rest.empty();) {
            const node::Origin origin = node::origin_of(rest.front());
            const auto end = std::ranges::find_if(
                rest, [&](const rte_mbuf* frame) { return node::origin_of(frame) != origin; });
            const auto some = rest.first(static_cast<std::size_t>(end - rest.begin()));
            pipeline_.work(state, now, PortId(origin.index()), some);
            rest = rest.subspan(some.size());
        }
        worked += count;
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
           std::ranges::any_of(request_.shares,
                               [](const rte_ring* ring) { return rte_ring_empty(ring) == 0; }) ||
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
