// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/keepalives.h"

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/engine/log.h"
#include "dataplane/packet/gre_keepalive.h"
#include "dataplane/packet/gre_options.h"

namespace detour::engine {

Keepalives::Keepalives(std::span<const model::Uplink* const> tunnels, std::span<Twin> twins,
                       Fabric& fabric, const fib::Publisher& publisher, rte_mempool* buffers,
                       Instant now)
    : tunnels_(tunnels), twins_(twins), fabric_(fabric), publisher_(publisher), buffers_(buffers) {
    for (std::size_t i = 0; i < tunnels.size(); ++i) {
        const model::Underlay& underlay = *tunnels[i]->underlay;
        if (underlay.keepalive)
            lines_.push_back(
                {i, KeepaliveWatch(*underlay.keepalive, underlay.keepalive_retries, now)});
        // Also what an earlier instance left without.
        twins[i].set_carrier(Carrier::on);
    }
}

std::optional<Instant> Keepalives::next_deadline() const {
    if (lines_.empty())
        return std::nullopt;
    return std::ranges::min_element(lines_, {}, [](const Line& line) { return line.watch.due(); })
        ->watch.due();
}

void Keepalives::on_time(Instant now) {
    for (Line& line : lines_) {
        if (line.watch.due() > now)
            continue;
        line.watch.beat(now, heard(line.tunnel));
        tell(line);
        send(line.tunnel);
    }
}

void Keepalives::tell(Line& line) {
    const bool is_up = line.watch.is_up();
    if (std::exchange(line.was_up, is_up) == is_up)
        return;
    say("tunnel {}: the far end {}", tunnels_[line.tunnel]->name,
        is_up ? "answers keepalives again" : "does not answer keepalives");
    twins_[line.tunnel].set_carrier(is_up ? Carrier::on : Carrier::off);
}

std::uint64_t Keepalives::heard(std::size_t tunnel) const {
    std::uint64_t total = 0;
    for (const auto& worker : fabric_.workers())
        total += worker->counters().keepalives[tunnel].heard.get();
    return total;
}

// One that cannot be sent goes unanswered, which is what it is for.
void Keepalives::send(std::size_t tunnel) {
    const fib::ForwardingState& state = *publisher_.load();
    const fib::Adjacency& next = state.adjacencies[state.tunnel_ends[tunnel].adjacency];
    if (next.verb != fib::Verb::tunnel)
        return;
    const model::Underlay& underlay = *tunnels_[tunnel]->underlay;
    const packet::GreKeepalive keepalive =
        packet::build_gre_keepalive(underlay.local.word(), underlay.remote.word(), underlay.key);
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(buffers_);
    if (mbuf == nullptr)
        return;
    auto* const inner = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(keepalive.size)));
    std::ranges::copy(keepalive.packet(), inner);
    rte_pktmbuf_prepend(mbuf, next.header_size);
    packet::push_gre_with_options(
        inner,
        {.header = next.header.data(),
         .size = next.header_size,
         .outer_offset = next.outer_offset,
         .checksum = next.checksum,
         .options = next.options,
         .dscp = next.dscp},
        {.family = Family::ipv4,
         .inner_size = static_cast<std::uint16_t>(keepalive.size),
         .traffic_class = packet::header_at<packet::Ipv4Header>(inner).traffic_class,
         .may_fragment = false,
         .identification = 0,
         .flow = 0,
         .sequence = fabric_.tunnels().sequence(fib::TunnelIndex(next.tunnel)).next()});
    if (!fabric_.send(next.port, mbuf))
        rte_pktmbuf_free(mbuf);
}

}  // namespace detour::engine
