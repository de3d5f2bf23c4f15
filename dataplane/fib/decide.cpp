// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/decide.h"

#include <fmt/format.h>

#include <cassert>
#include <map>

namespace detour::fib {

namespace {

std::string next_hop(const Adjacency& adjacency) {
    const auto& mac = adjacency.header;
    return fmt::format("port {} to {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x} mtu {}",
                       adjacency.port, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
                       adjacency.mtu);
}

std::string group(const ForwardingState& state, const Adjacency& adjacency) {
    std::map<std::uint16_t, unsigned> shares;
    for (unsigned i = 0; i < adjacency.group_size; ++i)
        ++shares[state.buckets[adjacency.group + i]];
    std::string text = fmt::format("group of {}:", shares.size());
    for (const auto& [member, share] : shares)
        text += fmt::format(" [{}/{} {}]", share, adjacency.group_size,
                            describe(state, state.adjacencies[member]));
    return text;
}

}  // namespace

Decision decide(const ForwardingState& state, const Ingress& ingress, const Address& source,
                const Address& destination) {
    assert(source.family() == destination.family());
    const Program& program = ingress.programs[static_cast<std::size_t>(destination.family())];
    Decision decision;
    const auto ask = [&](const std::shared_ptr<const Table>& table, const Address& address,
                         Lookup lookup) {
        if (decision.leaf != no_leaf || !table)
            return;
        decision.leaf = table->lookup(address);
        if (decision.leaf == no_leaf)
            return;
        decision.lookup = lookup;
        decision.meaning = state.leaves[decision.leaf];
    };
    ask(program.destination, destination, Lookup::destination);
    ask(program.source, source, Lookup::source);
    ask(program.fallback, destination, Lookup::fallback);
    return decision;
}

std::string describe(const ForwardingState& state, const Adjacency& adjacency) {
    switch (adjacency.verb) {
        case Verb::drop:
            return fmt::format("drop {}",
                               packet::to_string(static_cast<packet::Drop>(adjacency.reason)));
        case Verb::punt:
            return fmt::format("punt {}",
                               packet::to_string(static_cast<packet::Punt>(adjacency.reason)));
        case Verb::forward:
            return "forward " + next_hop(adjacency);
        case Verb::tunnel:
            return fmt::format("tunnel {} {}", adjacency.tunnel, next_hop(adjacency));
        case Verb::group:
            return group(state, adjacency);
    }
    return "unknown verb";
}

std::string describe(const ForwardingState& state, const Decision& decision) {
    static constexpr std::array names{"by destination", "by source", "by destination behind source",
                                      "no answer"};
    std::string text = names[static_cast<std::size_t>(decision.lookup)];
    text += fmt::format(", leaf {}", decision.leaf);
    if (decision.meaning.set != no_set)
        text += fmt::format(", set {}", decision.meaning.set);
    return text + ": " + describe(state, state.adjacencies[decision.meaning.adjacency]);
}

}  // namespace detour::fib
