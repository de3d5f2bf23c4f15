// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/keepalive.h"

#include "dataplane/node/forward.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre_keepalive.h"

namespace detour::node {
namespace {

using packet::Drop;

bool has_keepalives(const TunnelMatch& match) {
    return (match.options & packet::gre_option::keepalive) != 0;
}

}  // namespace

bool is_keepalive(const Context& context, const Packet& inner, const TunnelMatch& match) {
    const fib::Tunnel& ends = context.state->tunnel_ends[match.tunnel.value];
    return ends.local.family() == Family::ipv4 &&
           packet::is_gre_keepalive(inner.bytes(), ends.local.word(), ends.remote.word());
}

void answer_keepalive(Context& context, const Packet& inner, const TunnelMatch& match) {
    if (!has_keepalives(match))
        return context.drop(inner, Drop::gre_keepalive);
    const fib::Tunnel& ends = context.state->tunnel_ends[match.tunnel.value];
    const fib::Adjacency& next = context.state->adjacencies[ends.adjacency];
    if (next.verb != fib::Verb::tunnel)
        return context.drop(inner, Drop::tunnel_unresolved);
    auto& header = packet::header_at<packet::Ipv4Header>(inner.ip);
    if (!packet::may_forward(header))
        return context.drop(inner, Drop::ttl_exceeded);
    take_step(header);
    const auto* const frame = packet::push_ethernet(inner.ip, next.header.data(), Family::ipv4);
    set_frame(inner.mbuf, frame, sizeof(packet::EthernetHeader) + inner.size);
    context.counters.keepalives[match.tunnel.value].answered.add(1);
    context.out.send(next.port, inner.mbuf);
}

void hear_keepalive(Context& context, const Packet& packet, const TunnelMatch& match) {
    if (!has_keepalives(match))
        return context.drop(packet, Drop::gre_keepalive);
    context.counters.keepalives[match.tunnel.value].heard.add(1);
    context.drops.release(packet.mbuf);
}

}  // namespace detour::node
