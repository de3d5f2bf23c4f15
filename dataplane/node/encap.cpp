// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/encap.h"

#include "dataplane/node/forward.h"
#include "dataplane/packet/gre.h"

namespace detour::node {
namespace {

using fib::Adjacency;
using packet::Ipv4Header;
using packet::Ipv6Header;

// Puts the tunnel's headers before the packet and hands it on. The header's fields were read by
// the caller, so that nothing just stored is read back.
void push(Context& context, const Adjacency& next, const Packet& packet, Family family,
          std::uint8_t traffic_class) {
    const packet::GrePush headers{.header = next.header.data(),
                                  .size = next.header_size,
                                  .outer_offset = next.outer_offset,
                                  .checksum = next.checksum};
    const auto* const frame = packet::push_gre(packet.ip, headers, family, packet.size,
                                               traffic_class, context.identification++);
    set_frame(packet.mbuf, frame, std::size_t{next.header_size} + packet.size);
    context.counters.tunnels[next.tunnel].out.add(1, packet.size);
    context.out.send(next.port, packet.mbuf);
}

template <class Header>
void encap_lane(Context& context, Family family, Lane& lane, const Selection& selection) {
    const auto& adjacencies = context.state->adjacencies;
    NextHopRun run(context.counters.adjacencies);
    for (const std::uint8_t position : selection.positions()) {
        const Packet& packet = lane.packets()[position];
        const Adjacency& next = adjacencies[packet.adjacency];
        auto& header = packet::header_at<Header>(packet.ip);
        const packet::Finding finding = check_step(header, packet, next);
        if (!finding.is_ok()) [[unlikely]] {
            context.finish(packet, finding);
            continue;
        }
        take_step(header);
        run.add(packet.adjacency, packet.size);
        push(context, next, packet, family, traffic_class_of(header));
    }
}

}  // namespace

void encap(Context& context, Family family, Lane& lane, const Selection& selection) {
    if (family == Family::ipv4)
        encap_lane<Ipv4Header>(context, family, lane, selection);
    else
        encap_lane<Ipv6Header>(context, family, lane, selection);
}

void encap_injected(Context& context, fib::TunnelIndex tunnel, rte_mbuf* mbuf) {
    const Packet packet{.mbuf = mbuf,
                        .ip = rte_pktmbuf_mtod(mbuf, std::uint8_t*),
                        .size = mbuf->data_len,
                        .origin = Origin(tunnel)};
    const Adjacency& next =
        context.state->adjacencies[context.state->tunnel_ends[tunnel.value].adjacency];
    if (next.verb != fib::Verb::tunnel)
        return context.drop(packet, packet::Drop::tunnel_unresolved);
    if (packet.size > next.mtu)
        return context.drop(packet, packet::Drop::too_big);
    if (packet.size >= sizeof(Ipv4Header) && packet.ip[0] >> 4 == 4)
        push(context, next, packet, Family::ipv4,
             traffic_class_of(packet::header_at<Ipv4Header>(packet.ip)));
    else if (packet.size >= sizeof(Ipv6Header) && packet.ip[0] >> 4 == 6)
        push(context, next, packet, Family::ipv6,
             traffic_class_of(packet::header_at<Ipv6Header>(packet.ip)));
    else
        context.drop(packet, packet::Drop::bad_version);
}

}  // namespace detour::node
