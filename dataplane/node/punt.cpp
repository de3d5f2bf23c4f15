// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/punt.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/packet/flow.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/local.h"

namespace detour::node {
namespace {

using packet::Drop;
using packet::Ipv4Header;
using packet::Ipv6Header;
using packet::Punt;

// Both read the fixed header only if it is there: a broadcast frame was not validated.
bool is_ipv4(const Packet& packet) {
    return packet.size >= sizeof(Ipv4Header) && packet.ip[0] >> 4 == 4;
}
bool is_ipv6(const Packet& packet) {
    return packet.size >= sizeof(Ipv6Header) && packet.ip[0] >> 4 == 6;
}

std::uint8_t protocol_of(const Packet& packet) {
    if (is_ipv4(packet))
        return packet::header_at<Ipv4Header>(packet.ip).protocol;
    if (is_ipv6(packet))
        return packet::header_at<Ipv6Header>(packet.ip).next_header;
    return packet::protocol::hop_by_hop;
}

bool may_fragment(const Packet& packet) {
    return is_ipv4(packet) && packet::header_at<Ipv4Header>(packet.ip).may_fragment();
}

std::uint64_t destination_hash(const Packet& packet) {
    if (is_ipv4(packet))
        return packet::mixed(packet::header_at<Ipv4Header>(packet.ip).destination.raw(), 4);
    std::uint64_t words[2];
    std::memcpy(words, packet.ip + offsetof(Ipv6Header, destination), sizeof words);
    return packet::mixed(words[0], words[1]);
}

bool is_from(const fib::AddressSet& peers, const Packet& packet) {
    return is_ipv4(packet) ? peers.has_ipv4(packet::header_at<Ipv4Header>(packet.ip).source.raw())
                           : peers.has_ipv6(packet::header_at<Ipv6Header>(packet.ip).source.data());
}

PuntClass session_or_neighbour(const Packet& packet, const fib::AddressSet& peers) {
    // Control that is no TCP and no UDP is ARP or neighbour discovery.
    const std::uint8_t protocol = protocol_of(packet);
    if (protocol != packet::protocol::tcp && protocol != packet::protocol::udp)
        return PuntClass::neighbour;
    // Anybody can write to BGP's port, and would spend the neighbours' budget.
    return is_from(peers, packet) ? PuntClass::session : PuntClass::stranger;
}

PuntClass class_of(const Packet& packet, Punt reason, const fib::AddressSet& peers) {
    switch (reason) {
        case Punt::control:
            return session_or_neighbour(packet, peers);
        case Punt::local:
        case Punt::link_local: {
            const std::uint8_t protocol = protocol_of(packet);
            return protocol == packet::protocol::icmp || protocol == packet::protocol::icmpv6
                       ? PuntClass::echo
                       : PuntClass::local;
        }
        case Punt::unresolved:
            return PuntClass::unresolved;
        case Punt::too_big:
            return may_fragment(packet) ? PuntClass::fragment : PuntClass::error;
        case Punt::ttl_exceeded:
        case Punt::no_route:
        case Punt::prohibit:
            return PuntClass::error;
        default:
            return PuntClass::other;
    }
}

// What a packet is called that the kernel has no time for.
Drop refusal(Punt reason) {
    switch (reason) {
        case Punt::ttl_exceeded:
            return Drop::ttl_exceeded;
        case Punt::too_big:
            return Drop::too_big;
        case Punt::no_route:
            return Drop::no_route;
        case Punt::prohibit:
            return Drop::undeclared_source;
        case Punt::unresolved:
            return Drop::unresolved;
        case Punt::unsupported_rule:
            return Drop::unsupported_rule;
        default:
            return Drop::punt_limit;
    }
}

}  // namespace

// hash.usr is the application's in a received mbuf.
Origin origin_of(const rte_mbuf* mbuf) {
    return Origin::from_code(static_cast<std::uint16_t>(mbuf->hash.usr));
}
void set_origin(rte_mbuf* mbuf, Origin origin) {
    mbuf->hash.usr = origin.code();
}

bool PuntNode::allow(const Packet& packet, Punt reason, PuntClass punt_class, std::uint64_t now) {
    return reason == Punt::unresolved ? limiter_.allow_unresolved(destination_hash(packet), now)
                                      : limiter_.allow(punt_class, now);
}

void PuntNode::punt(const Packet& packet, Punt reason, std::uint64_t now,
                    const fib::AddressSet& peers) {
    rte_mbuf* const mbuf = packet.mbuf;
    const bool is_for_us = reason == Punt::local || reason == Punt::link_local;
    if (is_for_us && protocol_of(packet) == packet::protocol::gre)
        return drops_.drop(mbuf,
                           packet.origin.is_tunnel() ? Drop::gre_nested : Drop::gre_unknown_tunnel);
    if ((is_for_us || reason == Punt::broadcast) && packet::is_control(packet.bytes()))
        reason = Punt::control;
    const PuntClass punt_class = class_of(packet, reason, peers);
    if (!allow(packet, reason, punt_class, now))
        return drops_.drop(mbuf, refusal(reason));
    if (packet.origin.is_tunnel()) {
        // The frame and the outer headers stay behind: the TUN takes the packet that was inside.
        mbuf->data_off =
            static_cast<std::uint16_t>(packet.ip - static_cast<std::uint8_t*>(mbuf->buf_addr));
        mbuf->data_len = packet.size;
        mbuf->pkt_len = packet.size;
    }
    set_origin(mbuf, packet.origin);
    rte_ring* const ring = is_first_class(punt_class) ? rings_.first_class : rings_.bulk;
    if (rte_ring_sp_enqueue(ring, mbuf) != 0)
        return drops_.drop(mbuf, Drop::punt_full);
    counters_.punts[static_cast<std::size_t>(reason)].add(1);
    has_punted_ = true;
}

}  // namespace detour::node
