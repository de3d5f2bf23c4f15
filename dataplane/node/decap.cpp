// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/decap.h"

#include "dataplane/node/forward.h"
#include "dataplane/node/keepalive.h"
#include "dataplane/node/own_source.h"
#include "dataplane/node/reassemble.h"
#include "dataplane/packet/ecn.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/gre_options.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::node {
namespace {

using packet::Drop;
using packet::Finding;
using packet::Ipv4Header;
using packet::Ipv6Header;

// What is to be known of the outer packet once it is open.
struct Outer {
    std::uint8_t traffic_class;
    TunnelMatch match;
};

// GRE inside GRE: never opened twice, but a keepalive wants back.
Finding check_nested(const Context& context, const Packet& inner, const TunnelMatch& match) {
    if (is_keepalive(context, inner, match))
        return Drop::gre_keepalive;
    const auto& header = packet::header_at<Ipv4Header>(inner.ip);
    return context.tunnels.is_local_end(header.destination.raw()) ? Finding(Drop::gre_nested)
                                                                  : Finding();
}

Finding check_nested_ipv6(const Context& context, const Packet& inner) {
    const auto& header = packet::header_at<Ipv6Header>(inner.ip);
    const bool is_end = context.tunnels.is_local_end(header.destination.data());
    const auto gre = is_end ? packet::gre_offset(inner.bytes()) : packet::GreOffset{};
    return gre.offset || !gre.finding.is_ok() ? Finding(Drop::gre_nested) : Finding();
}

// What a host behind the tunnel may send us must fit it as well as what we send.
template <class Header>
void clamp_arrived_syn(const Context& context, Header& header, const Packet& inner,
                       const TunnelMatch& match) {
    const fib::ForwardingState& state = *context.state;
    const fib::Adjacency& tunnel =
        state.adjacencies[state.tunnel_ends[match.tunnel.value].adjacency];
    if (tunnel.verb == fib::Verb::tunnel && tunnel.mss != 0)
        clamp_syn(header, inner, tunnel);
}

// The inner packet as it is to be routed; `inner.size` is what the outer packet has left for it.
Finding check_inner_ipv4(const Context& context, Packet& inner, const Outer& outer) {
    const Finding finding = packet::check_ipv4(inner.bytes());
    auto& header = packet::header_at<Ipv4Header>(inner.ip);
    // A packet that is whole keeps its own length, also when the kernel is to get it.
    if (!finding.is_drop())
        inner.size = header.total_length.value();
    if (!finding.is_ok())
        return finding;
    if (header.protocol == packet::protocol::gre) [[unlikely]]
        if (const Finding nested = check_nested(context, inner, outer.match); !nested.is_ok())
            return nested;
    if (context.state->own.has_ipv4(header.source.raw()))
        return own_source_reason(context, header);
    if (packet::is_tcp_syn(header, inner.size)) [[unlikely]]
        clamp_arrived_syn(context, header, inner, outer.match);
    return packet::take_outer_ecn(header, outer.traffic_class);
}

Finding check_inner_ipv6(const Context& context, Packet& inner, const Outer& outer) {
    const Finding finding = packet::check_ipv6(inner.bytes());
    auto& header = packet::header_at<Ipv6Header>(inner.ip);
    if (!finding.is_drop())
        inner.size = static_cast<std::uint16_t>(header.total_length());
    if (!finding.is_ok())
        return finding;
    if (packet::may_carry_gre(header.next_header)) [[unlikely]]
        if (const Finding nested = check_nested_ipv6(context, inner); !nested.is_ok())
            return nested;
    if (context.state->own.has_ipv6(header.source.data()))
        return Drop::own_source;
    if (packet::is_tcp_syn(header, inner.size)) [[unlikely]]
        clamp_arrived_syn(context, header, inner, outer.match);
    return packet::take_outer_ecn(header, outer.traffic_class);
}

// Checksum, sequence, keepalive: whatever the header or the tunnel has beyond the plain form.
// False: the packet ended here.
bool pass_options(Context& context, const Packet& packet, std::span<const std::uint8_t> gre,
                  const packet::GreArrival& arrival, const TunnelMatch& match) {
    // An answer is as this end once made it, without what the far end's packets have.
    if ((arrival.options & packet::gre_option::keepalive) != 0) {
        hear_keepalive(context, packet, match);
        return false;
    }
    const Finding finding = packet::check_gre_options(gre, arrival, match.options);
    if (!finding.is_ok()) {
        context.finish(packet, finding);
        return false;
    }
    if ((match.options & packet::gre_option::sequence) != 0 &&
        !context.tunnels.sequence(match.tunnel).accept(arrival.sequence)) {
        context.drop(packet, Drop::gre_sequence);
        return false;
    }
    return true;
}

// As a real tunnel device that is not up; keepalives are answered all the same, or two ends that
// wait for each other would wait for ever.
void end_while_down(Context& context, Packet& inner, Family family, const TunnelMatch& match) {
    const bool is_whole = family == Family::ipv4 && packet::check_ipv4(inner.bytes()).is_ok();
    if (is_whole)
        inner.size = packet::header_at<Ipv4Header>(inner.ip).total_length.value();
    if (is_whole && is_keepalive(context, inner, match))
        return answer_keepalive(context, inner, match);
    context.drop(inner, Drop::port_down);
}

// `gre_at` is where GRE begins in `packet`; the tunnel was looked for by what stands before it.
void open(Context& context, const Packet& packet, std::size_t gre_at, std::uint8_t traffic_class,
          const packet::GreArrival& gre, const TunnelMatch& match, Lanes& lanes) {
    if ((gre.options | match.options) != 0) [[unlikely]]
        if (!pass_options(context, packet, packet.bytes().subspan(gre_at), gre, match))
            return;
    const std::size_t header_size = gre_at + gre.header_size;
    Packet inner{.mbuf = packet.mbuf,
                 .ip = packet.ip + header_size,
                 .size = static_cast<std::uint16_t>(packet.size - header_size),
                 .origin = Origin(match.tunnel)};
    if (!ingress_of(*context.state, inner.origin).is_up) [[unlikely]]
        return end_while_down(context, inner, gre.family, match);
    context.counters.tunnels[match.tunnel.value].in.add(1, inner.size);
    const Outer outer{traffic_class, match};
    const Finding finding = gre.family == Family::ipv4 ? check_inner_ipv4(context, inner, outer)
                                                       : check_inner_ipv6(context, inner, outer);
    if (finding.is_ok())
        return lanes.of(gre.family).push(inner);
    if (finding == Finding(Drop::gre_keepalive))
        return answer_keepalive(context, inner, match);
    context.finish(inner, finding);
}

void decap_ipv4(Context& context, Packet& packet, Lanes& lanes) {
    const auto& arrived = packet::header_at<Ipv4Header>(packet.ip);
    if (!context.tunnels.is_local_end(arrived.destination.raw()))
        return lanes.of(Family::ipv4).push(packet);
    if (arrived.is_fragment() && !reassemble(context, packet))
        return;
    const auto& outer = packet::header_at<Ipv4Header>(packet.ip);
    const std::size_t outer_size = outer.header_size();
    const auto gre = packet::parse_gre(packet.bytes().subspan(outer_size));
    if (!gre)
        return context.drop(packet, gre.error());
    const auto match = context.tunnels.find(outer.source.raw(), outer.destination.raw(), gre->key);
    if (!match)
        return context.drop(packet, Drop::gre_unknown_tunnel);
    open(context, packet, outer_size, outer.traffic_class, *gre, *match, lanes);
}

// Fragments behind further extensions are judged as they are.
bool is_plain_fragment(const Packet& packet) {
    return packet::header_at<Ipv6Header>(packet.ip).next_header == packet::protocol::fragment;
}

// To a local end, as classify found.
void decap_ipv6(Context& context, Packet& packet, Lanes& lanes) {
    packet::GreOffset at = packet::gre_offset(packet.bytes());
    if (at.finding == Finding(Drop::gre_fragment) && is_plain_fragment(packet)) {
        if (!reassemble(context, packet))
            return;
        at = packet::gre_offset(packet.bytes());
    }
    const auto& outer = packet::header_at<Ipv6Header>(packet.ip);
    if (!at.finding.is_ok())
        return context.finish(packet, at.finding);
    if (!at.offset)
        return lanes.of(Family::ipv6).push(packet);
    const auto gre = packet::parse_gre(packet.bytes().subspan(*at.offset));
    if (!gre)
        return context.drop(packet, gre.error());
    const auto match =
        context.tunnels.find(outer.source.data(), outer.destination.data(), gre->key);
    if (!match)
        return context.drop(packet, Drop::gre_unknown_tunnel);
    open(context, packet, *at.offset, outer.traffic_class(), *gre, *match, lanes);
}

}  // namespace

void decap(Context& context, Lanes& lanes) {
    for (Packet& packet : lanes.gre.packets()) {
        if (packet.ip[0] >> 4 == 4) [[likely]]
            decap_ipv4(context, packet, lanes);
        else
            decap_ipv6(context, packet, lanes);
    }
}

}  // namespace detour::node
