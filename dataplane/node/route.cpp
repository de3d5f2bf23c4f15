// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/route.h"

#include "dataplane/node/path_mtu.h"
#include "dataplane/packet/flow.h"
#include "dataplane/packet/header_of.h"

namespace detour::node {
namespace {

using fib::Adjacency;
using fib::ForwardingState;
using fib::LeafIndex;
using fib::Verb;
using packet::Drop;
using packet::HeaderOf;
using packet::Ipv4Header;
using packet::Ipv6Header;
using packet::Punt;

template <Family family>
void look_up(const ForwardingState& state, Lane& lane) {
    using Header = HeaderOf<family>;
    const fib::Program* program = nullptr;
    Origin origin;
    for (Packet& packet : lane.packets()) {
        if (program == nullptr || packet.origin != origin) {
            origin = packet.origin;
            program = &ingress_of(state, origin).programs[static_cast<std::size_t>(family)];
        }
        packet.leaf = program->look_up(packet.ip + offsetof(Header, destination),
                                       packet.ip + offsetof(Header, source));
    }
}

template <Family family>
std::uint16_t choose_member(const ForwardingState& state, const Adjacency& group,
                            const Packet& packet) {
    const std::uint64_t hash = packet::flow_hash(packet::header_at<HeaderOf<family>>(packet.ip));
    return state.buckets[group.group + ((hash * group.group_size) >> 32)];
}

// Packets in a row with the same origin, leaf and next hop, counted together.
class Run {
 public:
    Run(Context& context, Family family) : context_(context), family_(family) {}

    void add(const Packet& packet) {
        if (packet.leaf != leaf_ || packet.adjacency != adjacency_ || packet.origin != origin_) {
            end();
            leaf_ = packet.leaf;
            adjacency_ = packet.adjacency;
            origin_ = packet.origin;
        }
        ++count_;
        bytes_ += packet.size;
    }
    void end() {
        if (count_ == 0)
            return;
        const ForwardingState& state = *context_.state;
        const fib::Leaf& leaf = state.leaves[leaf_];
        context_.counters.leaves[leaf_].add(count_, bytes_);
        if (leaf.set != fib::no_set) {
            const std::uint16_t in = ingress_of(state, origin_).uplink;
            const std::uint16_t out = state.adjacencies[adjacency_].uplink;
            if (in != fib::no_uplink)
                passive(in, leaf.set).in.add(count_, bytes_);
            else if (out != fib::no_uplink)
                passive(out, leaf.set).out.add(count_, bytes_);
        }
        count_ = 0;
        bytes_ = 0;
    }

 private:
    Traffic& passive(std::uint16_t uplink, std::uint16_t set) {
        return context_.counters.of(UplinkId(uplink), PrefixSetId(set), family_);
    }

    Context& context_;
    Family family_;
    LeafIndex leaf_ = fib::no_leaf;
    std::uint16_t adjacency_ = 0;
    Origin origin_;
    std::uint64_t count_ = 0;
    std::uint64_t bytes_ = 0;
};

// A tunnel is an entrance for our prefixes alone: what IN does not hold has no business in it.
Drop drop_reason(const Packet& packet, const Adjacency& adjacency) {
    const auto reason = static_cast<Drop>(adjacency.reason);
    return packet.origin.is_tunnel() && reason == Drop::blackhole ? Drop::inner_not_ours : reason;
}

void punt(Context& context, const Packet& packet, Punt reason) {
    if (reason == Punt::local)
        note_path_mtu(context, packet);
    context.punt(packet, reason);
}

void end_without_answer(Context& context, const Packet& packet) {
    if (packet.origin.is_tunnel())
        context.drop(packet, Drop::inner_not_ours);
    else
        context.punt(packet, Punt::no_route);
}

template <Family family>
Routed route_lane(Context& context, Lane& lane) {
    const ForwardingState& state = *context.state;
    look_up<family>(state, lane);
    Routed routed;
    Run run(context, family);
    const std::span<Packet> packets = lane.packets();
    for (std::size_t i = 0; i < packets.size(); ++i) {
        Packet& packet = packets[i];
        packet.adjacency = state.leaves[packet.leaf].adjacency;
        const Adjacency* next = &state.adjacencies[packet.adjacency];
        if (next->verb == Verb::group) {
            packet.adjacency = choose_member<family>(state, *next, packet);
            next = &state.adjacencies[packet.adjacency];
        }
        run.add(packet);
        if (packet.leaf == fib::no_leaf) [[unlikely]]
            end_without_answer(context, packet);
        else if (next->verb == Verb::tunnel)
            routed.tunnel.push(i);
        else if (next->verb == Verb::forward)
            routed.forward.push(i);
        else if (next->verb == Verb::punt)
            punt(context, packet, static_cast<Punt>(next->reason));
        else
            context.drop(packet, drop_reason(packet, *next));
    }
    run.end();
    return routed;
}

}  // namespace

Routed route(Context& context, Family family, Lane& lane) {
    return family == Family::ipv4 ? route_lane<Family::ipv4>(context, lane)
                                  : route_lane<Family::ipv6>(context, lane);
}

}  // namespace detour::node
