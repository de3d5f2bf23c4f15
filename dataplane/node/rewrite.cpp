// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/rewrite.h"

#include "dataplane/node/forward.h"
#include "dataplane/packet/ethernet.h"

namespace detour::node {
namespace {

template <class Header>
void rewrite_lane(Context& context, Family family, Lane& lane, const Selection& selection) {
    const auto& adjacencies = context.state->adjacencies;
    NextHopRun run(context.counters.adjacencies);
    for (const std::uint8_t position : selection.positions()) {
        const Packet& packet = lane.packets()[position];
        const fib::Adjacency& next = adjacencies[packet.adjacency];
        auto& header = packet::header_at<Header>(packet.ip);
        const packet::Finding finding = check_step(header, packet, next);
        if (!finding.is_ok()) [[unlikely]] {
            context.finish(packet, finding);
            continue;
        }
        take_step(header);
        const auto* const frame = packet::push_ethernet(packet.ip, next.header.data(), family);
        set_frame(packet.mbuf, frame, sizeof(packet::EthernetHeader) + packet.size);
        run.add(packet.adjacency, packet.size);
        context.out.send(next.port, packet.mbuf);
    }
}

}  // namespace

void rewrite(Context& context, Family family, Lane& lane, const Selection& selection) {
    if (family == Family::ipv4)
        rewrite_lane<packet::Ipv4Header>(context, family, lane, selection);
    else
        rewrite_lane<packet::Ipv6Header>(context, family, lane, selection);
}

}  // namespace detour::node
