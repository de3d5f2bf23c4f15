// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/transmit.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace detour::node {

TransmitNode::TransmitNode(std::span<const Outlet> outlets, Counters& counters, DropNode& drops)
    : queues_(outlets.size()), counters_(counters), drops_(drops) {
    for (std::size_t port = 0; port < outlets.size(); ++port)
        queues_[port].outlet = outlets[port];
}

void TransmitNode::flush(std::uint16_t port) {
    Queue& queue = queues_[port];
    const std::uint16_t count = queue.count;
    rte_mbuf** const frames = queue.frames.data();
    const Outlet& outlet = queue.outlet;
    queue.count = 0;
    if (!outlet.is_up->load(std::memory_order_relaxed)) {
        for (std::uint16_t i = 0; i < count; ++i)
            drops_.drop(frames[i], packet::Drop::port_down);
        return;
    }
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < count; ++i)
        bytes += frames[i]->pkt_len;
    std::uint16_t sent = 0;
    if (outlet.relay != nullptr) {
        void* const* const elements = reinterpret_cast<void* const*>(frames);
        sent = static_cast<std::uint16_t>(
            rte_ring_enqueue_burst(outlet.relay, elements, count, nullptr));
        outlet.bell->ring();
    } else {
        sent = rte_eth_tx_burst(outlet.device, outlet.queue, frames, count);
    }
    // The driver owns what it took, so what was not sent is subtracted.
    for (std::uint16_t i = sent; i < count; ++i) {
        bytes -= frames[i]->pkt_len;
        drops_.drop(frames[i], packet::Drop::transmit_full);
    }
    counters_.ports[port].out.add(sent, bytes);
}

}  // namespace detour::node
