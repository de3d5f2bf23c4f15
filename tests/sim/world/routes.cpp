// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/world/routes.h"

#include <algorithm>
#include <utility>

namespace sim {

using detour::AsNumber;

namespace {

constexpr std::uint32_t uplink_asns = 64496;   // 64496, 64497, 64498
constexpr std::uint32_t transit_asns = 64505;  // 64505, 64506
constexpr std::uint32_t target_asns = 64501;   // 64501, 64502, 64503

}  // namespace

Routes::Routes(Agenda& agenda, Dice dice, const Shape& shape, std::uint32_t prefixes, Temper temper)
    : agenda_(agenda), dice_(dice), uplinks_(shape.uplinks), prefixes_(prefixes), temper_(temper) {
    for (std::uint32_t u = 0; u < uplinks_; ++u)
        add(uplink_name(u), uplink_asns + u);
    add("transit-a", transit_asns);
    add("transit-b", transit_asns + 1);
    for (std::uint32_t t = 0; t < target_networks; ++t)
        add("as" + std::to_string(t + 1), target_asns + t);

    const Network a = uplinks_;
    const Network b = uplinks_ + 1;
    const bool is_mixed = temper_.ties == Temper::Ties::mixed;
    connect_peers(a, b);
    connect_customer(0, a);
    if (is_mixed && dice_.chance(0.4))
        connect_customer(0, b);
    connect_customer(1, shape.partner == Shape::Partner::behind_provider ? 0 : b);
    if (uplinks_ > 2)
        connect_customer(2, is_mixed && dice_.chance(0.5) ? b : a);
    for (std::uint32_t t = 0; t < target_networks; ++t) {
        const bool is_at_b = is_mixed ? dice_.chance(0.5) : t == 2;
        connect_customer(target_network(t), is_at_b ? b : a);
        if (is_mixed && dice_.chance(0.3))
            connect_customer(target_network(t), is_at_b ? a : b);
    }
    for (Node& node : nodes_)
        node.mrai = temper_.mrai == Duration{} ? Duration{} : dice_.between({}, temper_.mrai);
}

void Routes::add(std::string name, std::uint32_t asn) {
    Node node;
    node.name = std::move(name);
    node.asn = AsNumber(asn);
    node.tables.resize(prefixes_);
    node.box.resize(prefixes_);
    nodes_.push_back(std::move(node));
}

void Routes::link(Network from, Network to, Kin kin) {
    Neighbour neighbour;
    neighbour.network = to;
    neighbour.kin = kin;
    neighbour.heard.resize(prefixes_);
    neighbour.told.resize(prefixes_);
    neighbour.is_due.resize(prefixes_);
    nodes_[from].neighbours.push_back(std::move(neighbour));
}

void Routes::connect_customer(Network low, Network high) {
    link(low, high, Kin::provider);
    link(high, low, Kin::customer);
}

void Routes::connect_peers(Network one, Network other) {
    link(one, other, Kin::peer);
    link(other, one, Kin::peer);
}

std::optional<Network> Routes::find(const std::string& name) const {
    const auto found = std::ranges::find(nodes_, name, &Node::name);
    return found == nodes_.end() ? std::nullopt
                                 : std::optional(static_cast<Network>(found - nodes_.begin()));
}

std::vector<AsNumber> Routes::path_to_world(std::uint32_t uplink) const {
    std::vector<AsNumber> path{nodes_[uplink].asn};
    Network at = uplink;
    for (;;) {
        const auto& neighbours = nodes_[at].neighbours;
        const auto up = std::ranges::find(neighbours, Kin::provider, &Neighbour::kin);
        if (up == neighbours.end())
            return path;
        at = up->network;
        path.push_back(nodes_[at].asn);
    }
}

void Routes::hear_box(std::uint32_t uplink, std::uint32_t prefix, std::optional<Route> route) {
    if (route && nodes_[uplink].is_stripping)
        route->is_no_export = route->is_for_customers = route->is_graceful_shutdown = false;
    nodes_[uplink].box[prefix] = std::move(route);
    choose(uplink, prefix);
}

// Higher is better.
int Routes::rank(const Route& route, Kin kin) {
    return (route.is_graceful_shutdown ? 0 : 20'000) + 4'000 * (2 - static_cast<int>(kin)) -
           16 * static_cast<int>(route.path.size());
}

int Routes::rank(const Node& node, const Neighbour& neighbour, const Route& route) {
    return (node.preferred == neighbour.network ? 100'000 : 0) + rank(route, neighbour.kin) -
           static_cast<int>(neighbour.network);
}

void Routes::choose(Network network, std::uint32_t prefix) {
    Node& node = nodes_[network];
    Table& table = node.tables[prefix];
    const Way before = table.way;
    table = {};
    int best_rank = 0;
    if (const auto& own = node.box[prefix]) {
        table.way.to = Way::To::box;
        table.best = &*own;
        best_rank = rank(*own, Kin::customer);
    }
    for (Neighbour& neighbour : node.neighbours) {
        const auto& route = neighbour.heard[prefix];
        if (!route)
            continue;
        const int its_rank = rank(node, neighbour, *route);
        if (table.best != nullptr && its_rank <= best_rank)
            continue;
        best_rank = its_rank;
        table = {{Way::To::network, neighbour.network}, &*route, neighbour.kin};
    }
    if (on_change && (table.way.to != before.to || table.way.network != before.network))
        on_change();
    for (std::size_t i = 0; i < node.neighbours.size(); ++i)
        tell(network, i, prefix);
}

std::optional<Route> Routes::exported(const Node& node, const Neighbour& to,
                                      std::uint32_t prefix) const {
    const Table& table = node.tables[prefix];
    if (table.best == nullptr)
        return std::nullopt;
    const bool is_from_customer = table.way.to == Way::To::box || table.kin == Kin::customer;
    if (!is_from_customer && to.kin != Kin::customer)
        return std::nullopt;
    if (table.way.to == Way::To::network && table.way.network == to.network)
        return std::nullopt;
    if (table.best->is_no_export || (table.best->is_for_customers && to.kin != Kin::customer))
        return std::nullopt;
    Route route;
    route.path.push_back(node.asn);
    route.path.insert(route.path.end(), table.best->path.begin(), table.best->path.end());
    return route;
}

// What changed goes out now, or when the neighbour's MRAI has passed: then whatever is true then.
void Routes::tell(Network from, std::size_t index, std::uint32_t prefix) {
    Node& node = nodes_[from];
    Neighbour& to = node.neighbours[index];
    std::optional<Route> route = exported(node, to, prefix);
    if (route == to.told[prefix] || to.is_due[prefix])
        return;
    const Instant now = agenda_.now();
    if (route && now < to.quiet_until) {
        to.is_due[prefix] = true;
        agenda_.at(to.quiet_until, [this, from, index, prefix] {
            nodes_[from].neighbours[index].is_due[prefix] = false;
            tell(from, index, prefix);
        });
        return;
    }
    if (route)
        to.quiet_until = now + node.mrai;
    Duration delay = temper_.travel + dice_.between({}, temper_.travel);
    if (!route && temper_.slow_withdrawal > Duration{})
        delay += dice_.between({}, temper_.slow_withdrawal);
    to.told[prefix] = route;
    agenda_.after(delay, [this, at = to.network, from, prefix, route = std::move(route)]() mutable {
        hear(at, from, prefix, std::move(route));
    });
}

// A withdrawal may be overtaken by the announcement after it: what was told last counts.
void Routes::hear(Network at, Network from, std::uint32_t prefix, std::optional<Route> route) {
    Node& node = nodes_[at];
    const auto teller = std::ranges::find(nodes_[from].neighbours, at, &Neighbour::network);
    if (teller->told[prefix] != route)
        return;
    const auto neighbour = std::ranges::find(node.neighbours, from, &Neighbour::network);
    if (!route && node.is_stuck)
        return;
    if (route && std::ranges::find(route->path, node.asn) != route->path.end())
        route.reset();
    neighbour->heard[prefix] = std::move(route);
    choose(at, prefix);
}

void Routes::set_stuck(Network network, bool is_stuck) {
    nodes_[network].is_stuck = is_stuck;
    if (is_stuck)
        return;
    // What it had not heard it hears now.
    for (Neighbour& neighbour : nodes_[network].neighbours) {
        const auto teller =
            std::ranges::find(nodes_[neighbour.network].neighbours, network, &Neighbour::network);
        for (std::uint32_t prefix = 0; prefix < prefixes_; ++prefix)
            if (neighbour.heard[prefix] && !teller->told[prefix]) {
                neighbour.heard[prefix].reset();
                choose(network, prefix);
            }
    }
}

void Routes::set_stripping(Network network, bool is_stripping) {
    nodes_[network].is_stripping = is_stripping;
}

void Routes::prefer(Network network, std::optional<Network> neighbour) {
    nodes_[network].preferred = neighbour;
    for (std::uint32_t prefix = 0; prefix < prefixes_; ++prefix)
        choose(network, prefix);
}

}  // namespace sim
