// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/path_mtu.h"

#include "dataplane/packet/big_endian.h"
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
    const auto news = packet::parse_too_big(packet.bytes());
    if (!news)
        return;
    if (const auto match = tunnel_of(context.tunnels, *news))
        context.counters.path_mtus[match->tunnel.value].tell(news->mtu);
}

}  // namespace detour::node
