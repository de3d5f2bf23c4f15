// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/source_check.h"

#include <algorithm>
#include <span>

namespace detour::fib {
namespace {

using packet::Drop;
using packet::Punt;

bool is_punt(const Adjacency& adjacency, Punt reason) {
    return adjacency.verb == Verb::punt && adjacency.reason == static_cast<std::uint8_t>(reason);
}
bool is_drop(const Adjacency& adjacency, Drop reason) {
    return adjacency.verb == Verb::drop && adjacency.reason == static_cast<std::uint8_t>(reason);
}

// Also one that cannot be taken just now, and one by a device that is the kernel's own.
bool is_way(const Adjacency& adjacency) {
    return adjacency.verb == Verb::forward || adjacency.verb == Verb::tunnel ||
           is_punt(adjacency, Punt::unresolved) || is_punt(adjacency, Punt::other_device) ||
           is_punt(adjacency, Punt::unsupported_rule) || is_drop(adjacency, Drop::port_down) ||
           is_drop(adjacency, Drop::tunnel_unresolved);
}

bool is_way_by(const Adjacency& adjacency, PortId port) {
    return adjacency.port == port.value &&
           (adjacency.verb == Verb::forward || is_punt(adjacency, Punt::unresolved));
}

}  // namespace

bool is_source_valid(const ForwardingState& state, PortId port, Family family,
                     const std::uint8_t* source, const std::uint8_t* destination) {
    const Ingress& ingress = state.ports[port.value];
    // As the answer would go.
    const LeafIndex leaf =
        ingress.reverse[static_cast<std::size_t>(family)].look_up(source, destination);
    if (leaf == no_leaf)
        return false;
    const auto is_good = [&](const Adjacency& one) {
        return ingress.source_check == SourceCheck::strict ? is_way_by(one, port) : is_way(one);
    };
    const Adjacency& next = state.adjacencies[state.leaves[leaf].adjacency];
    if (next.verb != Verb::group)
        return is_good(next);
    const auto buckets = std::span(state.buckets).subspan(next.group, next.group_size);
    return std::ranges::any_of(
        buckets, [&](std::uint16_t member) { return is_good(state.adjacencies[member]); });
}

}  // namespace detour::fib
