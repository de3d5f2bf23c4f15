// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// /detour/trace: two answers to one question, side by side. The rules and tables that the kernel
// would ask (mirror/explain.h), and what the compiled tables make the workers do (fib/decide.h);
// "agrees" says whether the second follows from the first.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "dataplane/engine/telemetry/report.h"
#include "dataplane/fib/decide.h"

namespace detour::engine {
namespace {

using fib::Adjacency;
using fib::Verb;

// Members of a group that are told; their number is told always.
constexpr std::size_t members_told = 16;

std::string mac_at(const Adjacency& adjacency, std::size_t offset) {
    const auto* const mac = adjacency.header.data() + offset;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

std::string_view verb_of(const Adjacency& adjacency) {
    static constexpr std::array names{"drop", "punt", "forward", "tunnel", "group"};
    return names[static_cast<std::size_t>(adjacency.verb)];
}

// The adjacencies that a packet of the flow may take, each once, in the order of their buckets.
std::vector<Adjacency> choices(const fib::ForwardingState& state, const Adjacency& adjacency) {
    if (adjacency.verb != Verb::group)
        return {adjacency};
    std::vector<Adjacency> members;
    for (unsigned i = 0; i < adjacency.group_size; ++i)
        if (const Adjacency& member = state.adjacencies[state.buckets[adjacency.group + i]];
            std::ranges::find(members, member) == members.end())
            members.push_back(member);
    return members;
}

// What is handed to the kernel follows the kernel's own rules by definition.
bool follows(const std::vector<Adjacency>& does, const std::vector<Adjacency>& told) {
    return std::ranges::all_of(does, [&](const Adjacency& one) {
        return one.verb == Verb::punt || std::ranges::find(told, one) != told.end();
    });
}

}  // namespace

const fib::Ingress* Report::ingress(std::string_view name) const {
    const fib::ForwardingState& state = *publisher_.load();
    for (std::size_t i = 0; i < ports_.size(); ++i)
        if (ports_[i].name() == name)
            return &state.ports[i];
    for (std::size_t i = 0; i < tunnels_.size(); ++i)
        if (tunnels_[i]->name == name)
            return &state.tunnels[i];
    return nullptr;
}

Answer::Object Report::steps(const mirror::Explanation& way) const {
    Answer::Object steps;
    for (std::size_t i = 0; i < way.steps.size(); ++i) {
        const mirror::Asked& asked = way.steps[i];
        Answer::Object step{{"priority", std::uint64_t{asked.priority}},
                            {"rule", asked.rule},
                            {"outcome", std::string(to_string(asked.outcome))}};
        if (asked.table.value != 0)
            step.emplace_back("table", std::uint64_t{asked.table.value});
        if (!asked.route.empty())
            step.emplace_back("route", asked.route);
        steps.emplace_back(std::to_string(i), std::move(step));
    }
    return steps;
}

Answer::Object Report::next_hop(const Adjacency& adjacency) const {
    Answer::Object object{{"does", describe(*publisher_.load(), adjacency)},
                          {"verb", std::string(verb_of(adjacency))}};
    if (adjacency.verb == Verb::drop) {
        const auto reason = static_cast<packet::Drop>(adjacency.reason);
        object.emplace_back("reason", std::string(to_string(reason)));
        object.emplace_back("meaning", std::string(meaning(reason)));
    }
    if (adjacency.verb == Verb::punt) {
        const auto reason = static_cast<packet::Punt>(adjacency.reason);
        object.emplace_back("reason", std::string(to_string(reason)));
        object.emplace_back("meaning", std::string(meaning(reason)));
    }
    if (adjacency.uplink != fib::no_uplink)
        object.emplace_back("uplink", uplink_slots_.name(adjacency.uplink));
    if (adjacency.verb != Verb::forward && adjacency.verb != Verb::tunnel)
        return object;
    object.emplace_back("port", ports_[adjacency.port].name());
    object.emplace_back("destination_mac", mac_at(adjacency, 0));
    object.emplace_back("source_mac", mac_at(adjacency, 6));
    object.emplace_back("mtu", std::uint64_t{adjacency.mtu});
    object.emplace_back("header_bytes", std::uint64_t{adjacency.header_size});
    if (adjacency.verb != Verb::tunnel)
        return object;
    const model::Uplink& uplink = *tunnels_[adjacency.tunnel];
    object.emplace_back("tunnel", uplink.name);
    object.emplace_back("outer_source", uplink.underlay->local.to_string());
    object.emplace_back("outer_destination", uplink.underlay->remote.to_string());
    object.emplace_back("outer_ttl", std::uint64_t{uplink.underlay->ttl});
    if (uplink.underlay->key)
        object.emplace_back("key", std::uint64_t{*uplink.underlay->key});
    if (uplink.underlay->has_checksum)
        object.emplace_back("gre_checksum", "yes");
    if (uplink.underlay->has_sequence)
        object.emplace_back("gre_sequence", "yes");
    return object;
}

// "lan0,198.51.100.7,203.0.113.9"
Answer::Object Report::trace(const std::string& parameters) const {
    std::istringstream words(parameters);
    std::string name;
    std::string from;
    std::string to;
    std::getline(std::getline(std::getline(words, name, ','), from, ','), to);
    const fib::Ingress* const in = ingress(name);
    const auto source = Address::parse(from);
    const auto destination = Address::parse(to);
    if (in == nullptr || !source || !destination || source->family() != destination->family())
        return {{"error", "wanted: a port or tunnel, a source and a destination of one family"}};
    const fib::ForwardingState& state = *publisher_.load();
    const fib::Decision decision = decide(state, *in, *source, *destination);
    const mirror::Explanation way = mirror_.explain(in->interface, *source, *destination);
    const Adjacency& chosen = state.adjacencies[decision.meaning.adjacency];
    const std::vector<Adjacency> does = choices(state, chosen);

    static constexpr std::array lookups{"destination", "source", "destination behind source",
                                        "none"};
    Answer::Object object{{"in_link", in->is_up ? "up" : "down"},
                          {"lookup", lookups[static_cast<std::size_t>(decision.lookup)]},
                          {"leaf", std::uint64_t{decision.leaf}}};
    if (decision.meaning.set != fib::no_set)
        object.emplace_back("set", set_slots_.name(decision.meaning.set));
    object.emplace_back("steps", steps(way));
    object.emplace_back("agrees", follows(does, way.next_hops) ? "yes" : "no");
    if (chosen.verb != Verb::group) {
        object.emplace_back("next_hop", next_hop(chosen));
        return object;
    }
    // The flow's ports would choose among them.
    object.emplace_back("members", does.size());
    for (std::size_t i = 0; i < std::min(does.size(), members_told); ++i)
        object.emplace_back(fmt::format("member_{}", i), next_hop(does[i]));
    return object;
}

}  // namespace detour::engine
