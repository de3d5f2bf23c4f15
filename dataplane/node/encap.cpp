// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/encap.h"

#include "dataplane/node/forward.h"
#include "dataplane/packet/flow.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/gre_options.h"

namespace detour::node {
namespace {

using fib::Adjacency;
using packet::Ipv4Header;
using packet::Ipv6Header;

packet::GrePush headers_of(const Adjacency& next) {
    return {.header = next.header.data(),
            .size = next.header_size,
            .outer_offset = next.outer_offset,
            .checksum = next.checksum,
            .options = next.options,
            .dscp = next.dscp};
}

bool may_fragment(const Ipv4Header& header) {
    return header.may_fragment();
}
bool may_fragment(const Ipv6Header& /*header*/) {
    return false;
}

// A tunnel that is more than the plain form.
template <class Header>
const std::uint8_t* push_with_options(Context& context, const Adjacency& next, const Packet& packet,
                                      Family family, std::uint8_t traffic_class) {
    const auto& header = packet::header_at<Header>(packet.ip);
    const bool has_sequence = (next.options & packet::gre_option::sequence) != 0;
    const bool is_labelled = (next.options & packet::gre_option::over_ipv6) != 0;
    return packet::push_gre_with_options(
        packet.ip, headers_of(next),
        {.family = family,
         .inner_size = packet.size,
         .traffic_class = traffic_class,
         .may_fragment = may_fragment(header),
         .identification = context.identification++,
         .flow = is_labelled ? packet::flow_hash(header) : 0,
         .sequence =
             has_sequence ? context.tunnels.sequence(fib::TunnelIndex(next.tunnel)).next() : 0});
}

// Puts the tunnel's headers before the packet and hands it on. The header's fields were read by
// the caller, so that nothing just stored is read back.
template <class Header>
void push(Context& context, const Adjacency& next, const Packet& packet, Family family,
          std::uint8_t traffic_class) {
    const std::uint8_t* frame = nullptr;
    if (next.options == 0) [[likely]]
        frame = packet::push_gre(packet.ip, headers_of(next), family, packet.size, traffic_class,
                                 context.identification++);
    else
        frame = push_with_options<Header>(context, next, packet, family, traffic_class);
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
        if (packet::is_tcp_syn(header, packet.size)) [[unlikely]]
            if (next.mss != 0)
                clamp_syn(header, packet, next);
        run.add(packet.adjacency, packet.size);
        push<Header>(context, next, packet, family, traffic_class_of(header));
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
        push<Ipv4Header>(context, next, packet, Family::ipv4,
                         traffic_class_of(packet::header_at<Ipv4Header>(packet.ip)));
    else if (packet.size >= sizeof(Ipv6Header) && packet.ip[0] >> 4 == 6)
        push<Ipv6Header>(context, next, packet, Family::ipv6,
                         traffic_class_of(packet::header_at<Ipv6Header>(packet.ip)));
    else
        context.drop(packet, packet::Drop::bad_version);
}

}  // namespace detour::node
