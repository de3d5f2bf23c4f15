// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/path_mtu.h"

#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/path_mtu.h"

namespace detour::node {
namespace {

std::optional<TunnelMatch> tunnel_of(const TunnelFinder& tunnels, const packet::TooBig& news) {
    // The quoted packet went the other way: its source is our end.
    if (news.source.family() == Family::ipv4)
        return tunnels.find(packet::Be32::of(news.destination.word()).raw(),
                            packet::Be32::of(news.source.word()).raw(), news.key);
    return tunnels.find(news.destination.bytes().data(), news.source.bytes().data(), news.key);
}

}  // namespace

void note_path_mtu(Context& context, const Packet& packet) {
    const bool is_icmp =
        packet.ip[0] >> 4 == 4
            ? packet::header_at<packet::Ipv4Header>(packet.ip).protocol == packet::protocol::icmp
            : packet::header_at<packet::Ipv6Header>(packet.ip).next_header ==
                  packet::protocol::icmpv6;
    if (!is_icmp)
        return;
    const auto news = packet::parse_too_big(packet.bytes());
    if (!news)
        return;
    if (const auto match = tunnel_of(context.tunnels, *news))
        context.counters.path_mtus[match->tunnel.value].tell(news->mtu);
}

}  // namespace detour::node
