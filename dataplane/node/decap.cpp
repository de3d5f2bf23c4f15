// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/decap.h"

#include "dataplane/packet/ecn.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::node {
namespace {

using packet::Drop;
using packet::Finding;
using packet::Ipv4Header;
using packet::Ipv6Header;

// GRE inside GRE that would have to be opened again.
Finding check_nested(const Context& context, const Packet& inner, const Ipv4Header& outer) {
    const auto& header = packet::header_at<Ipv4Header>(inner.ip);
    if (header.protocol != packet::protocol::gre)
        return {};
    if (packet::is_gre_keepalive(inner.bytes(), outer.destination.value(), outer.source.value()))
        return Drop::gre_keepalive;
    return context.tunnels.is_local_end(header.destination.raw()) ? Finding(Drop::gre_nested)
                                                                  : Finding();
}

// The inner packet as it is to be routed; `inner.size` is what the outer packet has left for it.
Finding check_inner_ipv4(const Context& context, Packet& inner, const Ipv4Header& outer) {
    const Finding finding = packet::check_ipv4(inner.bytes());
    auto& header = packet::header_at<Ipv4Header>(inner.ip);
    // A packet that is whole keeps its own length, also when the kernel is to get it.
    if (!finding.is_drop())
        inner.size = header.total_length.value();
    if (!finding.is_ok())
        return finding;
    if (const Finding nested = check_nested(context, inner, outer); !nested.is_ok())
        return nested;
    if (context.state->own.has_ipv4(header.source.raw()))
        return Drop::own_source;
    return packet::take_outer_ecn(header, outer.traffic_class);
}

Finding check_inner_ipv6(const Context& context, Packet& inner, const Ipv4Header& outer) {
    const Finding finding = packet::check_ipv6(inner.bytes());
    auto& header = packet::header_at<Ipv6Header>(inner.ip);
    if (!finding.is_drop())
        inner.size = static_cast<std::uint16_t>(header.total_length());
    if (!finding.is_ok())
        return finding;
    if (context.state->own.has_ipv6(header.source.data()))
        return Drop::own_source;
    return packet::take_outer_ecn(header, outer.traffic_class);
}

void decap_packet(Context& context, const Packet& packet, Lanes& lanes) {
    const auto& outer = packet::header_at<Ipv4Header>(packet.ip);
    if (!context.tunnels.is_local_end(outer.destination.raw()))
        return lanes.of(Family::ipv4).push(packet);
    if (outer.is_fragment())
        return context.drop(packet, Drop::gre_fragment);
    const std::size_t outer_size = outer.header_size();
    const auto gre = packet::parse_gre(packet.bytes().subspan(outer_size));
    if (!gre)
        return context.drop(packet, gre.error());
    const auto tunnel = context.tunnels.find(outer.source.raw(), outer.destination.raw(), gre->key);
    if (!tunnel)
        return context.drop(packet, Drop::gre_unknown_tunnel);
    const std::size_t header_size = outer_size + gre->header_size;
    Packet inner{.mbuf = packet.mbuf,
                 .ip = packet.ip + header_size,
                 .size = static_cast<std::uint16_t>(packet.size - header_size),
                 .origin = Origin(*tunnel)};
    // As a real tunnel device that is not up.
    if (!ingress_of(*context.state, inner.origin).is_up)
        return context.drop(packet, Drop::port_down);
    context.counters.tunnels[tunnel->value].in.add(1, inner.size);
    const Finding finding = gre->family == Family::ipv4 ? check_inner_ipv4(context, inner, outer)
                                                        : check_inner_ipv6(context, inner, outer);
    if (!finding.is_ok())
        return context.finish(inner, finding);
    lanes.of(gre->family).push(inner);
}

}  // namespace

void decap(Context& context, Lanes& lanes) {
    for (const Packet& packet : lanes.gre.packets())
        decap_packet(context, packet, lanes);
}

}  // namespace detour::node
