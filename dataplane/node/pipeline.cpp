// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/pipeline.h"

#include "dataplane/node/classify.h"
#include "dataplane/node/decap.h"
#include "dataplane/node/encap.h"
#include "dataplane/node/reassemble.h"
#include "dataplane/node/rewrite.h"
#include "dataplane/node/route.h"

namespace detour::node {

Pipeline::Pipeline(const TunnelFinder& tunnels, Counters& counters, std::span<const Outlet> outlets,
                   const PuntRings& rings, const packet::Reassembly::Limits& limits)
    : counters_(counters),
      fragments_(tunnels.wants_fragments() ? std::optional<packet::Reassembly>(limits)
                                           : std::nullopt),
      drops_(counters),
      punts_(rings, counters, drops_),
      out_(outlets, counters, drops_),
      context_{.state = nullptr,
               .now = 0,
               .identification = 0,
               .fragments = fragments_ ? &*fragments_ : nullptr,
               .tunnels = tunnels,
               .counters = counters,
               .drops = drops_,
               .punts = punts_,
               .out = out_} {}

void Pipeline::work(const fib::ForwardingState& state, std::uint64_t now, PortId port,
                    std::span<rte_mbuf* const> frames) {
    context_.state = &state;
    context_.now = now;
    const std::span<rte_mbuf* const> left = express_.work(context_, port, frames);
    if (!left.empty())
        walk(port, left);
    flush();
}

void Pipeline::work_in_full(const fib::ForwardingState& state, std::uint64_t now, PortId port,
                            std::span<rte_mbuf* const> frames) {
    context_.state = &state;
    context_.now = now;
    walk(port, frames);
    flush();
}

void Pipeline::walk(PortId port, std::span<rte_mbuf* const> frames) {
    lanes_.clear();
    classify(context_, port, frames, lanes_);
    if (!lanes_.gre.empty())
        decap(context_, lanes_);
    for (const Family family : families) {
        Lane& lane = lanes_.of(family);
        if (lane.empty())
            continue;
        const Routed routed = route(context_, family, lane);
        if (!routed.forward.empty())
            rewrite(context_, family, lane, routed.forward);
        if (!routed.tunnel.empty())
            encap(context_, family, lane, routed.tunnel);
    }
}

void Pipeline::inject(const fib::ForwardingState& state, std::uint64_t now,
                      std::span<rte_mbuf* const> buffers) {
    context_.state = &state;
    context_.now = now;
    for (rte_mbuf* mbuf : buffers) {
        const Origin twin = origin_of(mbuf);
        if (twin.is_tunnel())
            encap_injected(context_, fib::TunnelIndex(twin.index()), mbuf);
        else
            out_.send(twin.index(), mbuf);
    }
    counters_.injected.add(buffers.size());
    flush();
}

void Pipeline::relay(std::uint16_t port, std::span<rte_mbuf* const> frames) {
    for (rte_mbuf* mbuf : frames)
        out_.send(port, mbuf);
    flush();
}

void Pipeline::expire(std::uint64_t now) {
    context_.now = now;
    expire_fragments(context_);
}

void Pipeline::refuse(packet::Drop reason, std::span<rte_mbuf* const> frames) {
    for (rte_mbuf* mbuf : frames)
        drops_.drop(mbuf, reason);
    drops_.flush();
}

void Pipeline::flush() {
    out_.flush();
    punts_.flush();
    drops_.flush();
}

}  // namespace detour::node
