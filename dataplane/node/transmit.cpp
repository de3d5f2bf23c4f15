// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/transmit.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>

#include "dataplane/packet/vlan.h"

namespace detour::node {
namespace {

void put_on(rte_mbuf* mbuf, std::uint16_t vlan) {
    rte_pktmbuf_prepend(mbuf, sizeof(packet::VlanTag));
    packet::push_vlan(rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, sizeof(packet::VlanTag)), vlan);
}

// Of these frames, how many the driver puts into its ring.
std::size_t fitting(const SendRing& ring, std::span<rte_mbuf* const> frames) {
    return static_cast<std::size_t>(std::ranges::count_if(
        frames, [&](const rte_mbuf* frame) { return frame->pkt_len <= ring.largest_frame(); }));
}

}  // namespace

TransmitNode::TransmitNode(std::span<const Outlet> outlets, Counters& counters, DropNode& drops)
    : queues_(outlets.size()), counters_(counters), drops_(drops) {
    for (std::size_t port = 0; port < outlets.size(); ++port)
        queues_[port].outlet = outlets[port];
    // A device's VLANs share its queue.
    for (const Outlet& outlet : outlets)
        if (outlet.ring != nullptr && std::ranges::find(rings_, outlet.ring) == rings_.end())
            rings_.push_back(outlet.ring);
}

bool TransmitNode::look(std::uint64_t now) {
    bool is_waiting = false;
    for (SendRing* ring : rings_) {
        const SendRing::Look look = ring->look(now);
        is_waiting |= look.is_waiting;
        if (look.refused != 0) [[unlikely]]
            counters_.drops[static_cast<std::size_t>(packet::Drop::transmit_refused)].add(
                look.refused);
    }
    return is_waiting;
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
    const std::span<rte_mbuf*> all(frames, count);
    const std::uint16_t sent =
        outlet.relay != nullptr ? hand_over(outlet, all) : transmit(port, all);
    for (rte_mbuf* frame : all.subspan(sent))
        drops_.drop(frame, packet::Drop::transmit_full);
}

std::uint16_t TransmitNode::hand_over(const Outlet& outlet, std::span<rte_mbuf* const> frames) {
    void* const* const elements = reinterpret_cast<void* const*>(frames.data());
    const unsigned taken = rte_ring_enqueue_burst(outlet.relay, elements,
                                                  static_cast<unsigned>(frames.size()), nullptr);
    outlet.bell->ring();
    return static_cast<std::uint16_t>(taken);
}

std::uint16_t TransmitNode::transmit(std::uint16_t port, std::span<rte_mbuf*> frames) {
    const Outlet& outlet = queues_[port].outlet;
    std::uint64_t bytes = 0;
    for (const rte_mbuf* frame : frames)
        bytes += frame->pkt_len;
    std::size_t tag_size = 0;
    if (outlet.vlan != 0) {
        tag_size = sizeof(packet::VlanTag);
        for (rte_mbuf* frame : frames)
            put_on(frame, outlet.vlan);
    }
    const std::size_t fit = outlet.ring != nullptr ? fitting(*outlet.ring, frames) : 0;
    const std::uint16_t sent = rte_eth_tx_burst(outlet.device, outlet.queue, frames.data(),
                                                static_cast<std::uint16_t>(frames.size()));
    if (outlet.ring != nullptr)
        outlet.ring->put(fit - fitting(*outlet.ring, frames.subspan(sent)));
    // The driver owns what it took, so what was not sent is subtracted.
    for (const rte_mbuf* frame : frames.subspan(sent))
        bytes -= frame->pkt_len - tag_size;
    counters_.ports[port].out.add(sent, bytes);
    return sent;
}

}  // namespace detour::node
