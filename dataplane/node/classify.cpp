// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/classify.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>

#include "dataplane/fib/source_check.h"
#include "dataplane/node/own_source.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre_options.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::node {
namespace {

using packet::EthernetHeader;
using packet::Finding;
using packet::Ipv4Header;
using packet::Ipv6Header;

constexpr std::size_t prefetch_distance = 8;

// The port's source check, if it has one. Only packets that are whole come here.
template <class Header>
bool is_source_valid(const Context& context, const Packet& packet, Family family,
                     const Header& header) {
    const fib::ForwardingState& state = *context.state;
    const PortId port(packet.origin.index());
    if (state.ports[port.value].source_check == fib::SourceCheck::off) [[likely]]
        return true;
    return fib::is_source_valid(state, port, family,
                                reinterpret_cast<const std::uint8_t*>(&header.source),
                                reinterpret_cast<const std::uint8_t*>(&header.destination));
}

void classify_ipv4(Context& context, Packet& packet, Lanes& lanes) {
    const Finding finding = packet::check_ipv4(packet.bytes());
    const auto& header = packet::header_at<Ipv4Header>(packet.ip);
    if (finding.is_ok()) {
        if (context.state->own.has_ipv4(header.source.raw()))
            return context.drop(packet, own_source_reason(context, header));
        if (!is_source_valid(context, packet, Family::ipv4, header))
            return context.drop(packet, packet::Drop::source_check);
        packet.size = header.total_length.value();
        Lane& lane = header.protocol == packet::protocol::gre ? lanes.gre : lanes.of(Family::ipv4);
        return lane.push(packet);
    }
    // Options in the outer header of GRE to us: the kernel must not see it, and decap can skip
    // them.
    const bool has_options = finding == Finding(packet::Punt::ip_options);
    if (has_options && header.protocol == packet::protocol::gre &&
        context.tunnels.is_local_end(header.destination.raw())) {
        packet.size = header.total_length.value();
        return lanes.gre.push(packet);
    }
    context.finish(packet, finding);
}

void classify_ipv6(Context& context, Packet& packet, Lanes& lanes) {
    const Finding finding = packet::check_ipv6(packet.bytes());
    if (!finding.is_ok())
        return context.finish(packet, finding);
    const auto& header = packet::header_at<Ipv6Header>(packet.ip);
    if (context.state->own.has_ipv6(header.source.data()))
        return context.drop(packet, packet::Drop::own_source);
    if (!is_source_valid(context, packet, Family::ipv6, header))
        return context.drop(packet, packet::Drop::source_check);
    packet.size = static_cast<std::uint16_t>(header.total_length());
    if (packet::may_carry_gre(header.next_header)) [[unlikely]]
        if (context.tunnels.is_local_end(header.destination.data()))
            return lanes.gre.push(packet);
    lanes.of(Family::ipv6).push(packet);
}

void classify_frame(Context& context, Origin origin, const packet::MacAddress& mac, rte_mbuf* mbuf,
                    Lanes& lanes) {
    auto* const frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    const std::span<const std::uint8_t> bytes(frame, mbuf->data_len);
    // Buffers are made as large as the largest frame, so a chain is a frame beyond every MTU.
    if (mbuf->nb_segs != 1 || bytes.size() < sizeof(EthernetHeader)) [[unlikely]]
        return context.drops.drop(mbuf, packet::Drop::truncated);
    const std::size_t left = bytes.size() - sizeof(EthernetHeader);
    Packet packet{.mbuf = mbuf,
                  .ip = frame + sizeof(EthernetHeader),
                  .size = static_cast<std::uint16_t>(left),
                  .origin = origin};
    const Finding finding = packet::check_frame(bytes, mac);
    const auto& header = packet::header_at<EthernetHeader>(frame);
    if (!finding.is_ok()) [[unlikely]] {
        // What we sent ourselves and a switch or the kernel's loop brought back.
        if (header.source == mac)
            return context.drops.drop(mbuf, packet::Drop::martian_source);
        return context.finish(packet, finding);
    }
    if (header.type.value() == packet::ethertype::ipv4)
        classify_ipv4(context, packet, lanes);
    else
        classify_ipv6(context, packet, lanes);
}

}  // namespace

void classify(Context& context, PortId port, std::span<rte_mbuf* const> frames, Lanes& lanes) {
    const fib::Ingress& ingress = context.state->ports[port.value];
    if (!ingress.is_up) {
        for (rte_mbuf* mbuf : frames)
            context.drops.drop(mbuf, packet::Drop::port_down);
        return;
    }
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < std::min(prefetch_distance, frames.size()); ++i)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (i + prefetch_distance < frames.size())
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + prefetch_distance], void*));
        bytes += frames[i]->pkt_len;
        classify_frame(context, Origin(port), ingress.mac, frames[i], lanes);
    }
    context.counters.ports[port.value].in.add(frames.size(), bytes);
}

}  // namespace detour::node
