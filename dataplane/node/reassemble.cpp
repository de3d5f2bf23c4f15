// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/reassemble.h"

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/node/forward.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::node {
namespace {

using packet::Drop;
using packet::Ipv4Header;
using packet::Ipv6Header;

bool is_wanted(const Context& context, const Packet& packet) {
    if (context.fragments == nullptr)
        return false;
    if (packet.ip[0] >> 4 == 4) {
        const auto& header = packet::header_at<Ipv4Header>(packet.ip);
        return context.tunnels.wants_fragments(header.source.raw(), header.destination.raw());
    }
    const auto& header = packet::header_at<Ipv6Header>(packet.ip);
    return context.tunnels.wants_fragments(header.source.data(), header.destination.data());
}

// Into the last fragment's buffer, behind its Ethernet header, which begins where the driver would
// have put it.
bool take(Packet& packet, packet::Reassembly::Whole whole) {
    rte_mbuf* const mbuf = packet.mbuf;
    auto* const start = static_cast<std::uint8_t*>(mbuf->buf_addr) + RTE_PKTMBUF_HEADROOM;
    constexpr std::size_t ethernet = sizeof(packet::EthernetHeader);
    if (RTE_PKTMBUF_HEADROOM + ethernet + whole.size() > mbuf->buf_len)
        return false;
    std::memmove(start, packet.ip - ethernet, ethernet);
    std::memcpy(start + ethernet, whole.data(), whole.size());
    set_frame(mbuf, start, ethernet + whole.size());
    packet.ip = start + ethernet;
    packet.size = static_cast<std::uint16_t>(whole.size());
    return true;
}

}  // namespace

bool reassemble(Context& context, Packet& packet) {
    if (!is_wanted(context, packet)) {
        context.drop(packet, Drop::gre_fragment);
        return false;
    }
    const auto outcome = context.fragments->add(packet.bytes(), context.now);
    if (const auto* whole = std::get_if<packet::Reassembly::Whole>(&outcome)) {
        if (take(packet, *whole))
            return true;
        context.drop(packet, Drop::fragment_bad);
    } else if (const auto* reason = std::get_if<Drop>(&outcome)) {
        context.drop(packet, *reason);
    } else {
        context.drops.release(packet.mbuf);
    }
    return false;
}

void expire_fragments(Context& context) {
    if (context.fragments == nullptr || context.fragments->is_empty())
        return;
    if (const std::size_t count = context.fragments->expire(context.now); count != 0)
        context.counters.drops[static_cast<std::size_t>(Drop::fragment_timeout)].add(count);
}

}  // namespace detour::node
