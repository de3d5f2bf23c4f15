// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which lookup tables there are, and what stands in them.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "dataplane/mirror/compile.h"

namespace detour::mirror {

namespace {

// Destinations that are never routed by tables: groups, the limited broadcast, one link alone.
std::span<const Item> special_items(Family family) {
    static const std::vector<Item> ipv4{
        {*Prefix::parse("224.0.0.0/4"), value_of(Fixed::broadcast)},
        {*Prefix::parse("255.255.255.255/32"), value_of(Fixed::broadcast)}};
    static const std::vector<Item> ipv6{{*Prefix::parse("fe80::/10"), value_of(Fixed::local)},
                                        {*Prefix::parse("ff00::/8"), value_of(Fixed::broadcast)}};
    return family == Family::ipv4 ? ipv4 : ipv6;
}

}  // namespace

void Compiler::plan_ingresses() {
    for (auto& [recipe, dish] : dishes_)
        dish.is_wanted = false;
    served_.clear();
    std::vector<InterfaceIndex> interfaces;
    for (const PortDevice& port : devices_.ports)
        interfaces.push_back(port.interface);
    for (const TunnelDevice& tunnel : devices_.tunnels)
        interfaces.push_back(tunnel.interface);
    compiled_.unsupported_rules = 0;
    for (const InterfaceIndex interface : interfaces) {
        const Link* link = kernel_->links().find(interface);
        auto& served = served_.emplace_back();
        for (const Family family : families)
            served[static_cast<std::size_t>(family)] =
                serve(family, link ? std::string_view(link->name) : std::string_view());
    }
    std::erase_if(dishes_, [](const auto& item) { return !item.second.is_wanted; });
}

Compiler::Served Compiler::serve(Family family, std::string_view input) {
    Plan plan = plan_rules(kernel_->rules(family), input);
    compiled_.unsupported_rules = std::max(compiled_.unsupported_rules, plan.unsupported);
    Served served;
    served.destination = {family, std::move(plan.before), {}};
    served.source = {family, {}, std::move(plan.sources)};
    served.fallback = {family, std::move(plan.after), {}};
    // Even without rules the special destinations need their table.
    dishes_[served.destination].is_wanted = true;
    for (const Recipe* recipe : {&served.source, &served.fallback})
        if (!recipe->steps.empty() || !recipe->sources.empty())
            dishes_[*recipe].is_wanted = true;
    return served;
}

bool Compiler::is_stale(const Recipe& recipe, const Changes& changes) const {
    const auto has_changed = [&](const Step& step) {
        return !step.verdict && changes.tables.contains({recipe.family, step.table});
    };
    return std::ranges::any_of(recipe.steps, has_changed) ||
           std::ranges::any_of(recipe.sources,
                               [&](const SourceStep& one) { return has_changed(one.step); });
}

void Compiler::cook(const Recipe& recipe, Dish& dish) {
    const auto& tags = tags_[static_cast<std::size_t>(recipe.family)];
    std::vector<Composed> composed;
    if (recipe.sources.empty()) {
        const auto special = special_items(recipe.family);
        std::vector<Layer> layers{{{special.begin(), special.end()}, {}}};
        for (const Step& step : recipe.steps)
            layers.push_back(layer(recipe.family, step));
        composed = compose(layers, tags, fib::no_set);
    } else {
        std::vector<Item> items;
        for (const SourceStep& one : recipe.sources)
            if (const Value value = source_answer(recipe.family, one.step); value != no_answer)
                items.push_back({one.source, value});
        composed = compose_sources(items, tags, fib::no_set);
    }
    std::unordered_map<std::uint64_t, fib::LeafIndex> known;
    std::vector<std::pair<Prefix, fib::LeafIndex>> entries;
    entries.reserve(composed.size());
    dish.leaves.clear();
    for (const Composed& one : composed) {
        const auto [at, is_new] =
            known.try_emplace(std::uint64_t{one.value} << 16U | one.tag, fib::no_leaf);
        if (is_new && one.value != no_answer) {
            at->second = leaves_.index({one.value, one.tag, {}, {}});
            dish.leaves.push_back(at->second);
        }
        entries.emplace_back(one.prefix, at->second);
    }
    dish.table = std::make_shared<fib::Table>(recipe.family, entries);
    dish.hosts.clear();
    ++compiled_.composed;
}

Layer Compiler::layer(Family family, const Step& step) {
    Layer layer{{}, step.destination};
    if (step.verdict) {
        layer.items.push_back(
            {step.destination.value_or(Prefix::default_of(family)), value_of(*step.verdict)});
        return layer;
    }
    const RouteTable* routes = kernel_->table(family, step.table);
    if (routes == nullptr)
        return layer;
    layer.items.reserve(routes->size());
    const Prefix* decided = nullptr;  // by a route of a better metric
    for (const auto& [key, entry] : routes->entries()) {
        if (decided != nullptr && *decided == key.prefix)
            continue;
        if (key.tos != 0) {  // some packets to this prefix go elsewhere: the kernel knows which
            layer.items.push_back({key.prefix, value_of(Fixed::unsupported)});
            decided = &key.prefix;
            continue;
        }
        if (const auto value = answer(entry, step, key.prefix)) {
            layer.items.push_back({key.prefix, *value});
            decided = &key.prefix;
        }
    }
    return layer;
}

// What the first route under a key that the kernel would take says; nothing when there is none.
std::optional<Value> Compiler::answer(const RouteTable::Routes& routes, const Step& step,
                                      const Prefix& prefix) const {
    for (std::size_t i = 0; i < routes.size(); ++i) {
        const PathId path = routes.at(i);
        const Resolver::Standing& standing = standings_[path.value].standing;
        if (!standing.is_usable)
            continue;
        if (kernel_->paths()[path].type == RouteType::throw_away)
            return no_answer;
        const bool is_by_group = step.suppress_group >= 0 && !standing.is_error;
        // IPv4 looks at the first hop, IPv6 at the one that the flow is hashed to.
        if (is_by_group && standing.is_mixed && prefix.family() == Family::ipv6)
            return value_of(Fixed::unsupported);
        const bool is_suppressed =
            (std::int64_t{prefix.length()} <= step.suppress_length && !standing.is_error) ||
            (is_by_group && standing.group == step.suppress_group);
        return is_suppressed ? no_answer : value_of(path);
    }
    return std::nullopt;
}

// A table behind a rule by source is looked up without a destination: it must say the same for all.
Value Compiler::source_answer(Family family, const Step& step) const {
    if (step.verdict)
        return value_of(*step.verdict);
    const RouteTable* routes = kernel_->table(family, step.table);
    if (routes == nullptr)
        return no_answer;
    const Prefix everything = Prefix::default_of(family);
    std::optional<Value> value;
    for (const auto& [key, entry] : routes->entries()) {
        if (key.prefix != everything || key.tos != 0)
            return value_of(Fixed::unsupported);
        if (!value)
            value = answer(entry, step, everything);
    }
    return value.value_or(no_answer);
}

void Compiler::place_hosts(const Recipe& recipe, Dish& dish, const Resolver& resolver) {
    if (!recipe.sources.empty())
        return;
    std::map<Address, Dish::Host> hosts;
    for (const auto& [key, entry] : kernel_->neighbours().entries()) {
        if (key.address.family() != recipe.family)
            continue;
        // A host that was resolved once keeps its place until the kernel forgets it, so that a
        // silent address costs no table.
        const auto known = dish.hosts.find(key.address);
        const bool is_known = known != dish.hosts.end();
        if (!is_known && !entry.value.is_usable())
            continue;
        const fib::LeafIndex covering =
            is_known ? known->second.covering : dish.table->lookup(key.address);
        if (covering == fib::no_leaf || !leaves_.is_used(covering))
            continue;
        const LeafKey& route = leaves_.key(covering);
        if (resolver.connected_link(route.value) != key.interface)
            continue;
        hosts[key.address] = {covering,
                              leaves_.index({route.value, route.set, key.interface, key.address})};
    }
    std::vector<std::pair<Address, fib::LeafIndex>> edits;
    for (const auto& [address, host] : dish.hosts)
        if (!hosts.contains(address))
            edits.emplace_back(address, host.covering);
    for (const auto& [address, host] : hosts) {
        const auto known = dish.hosts.find(address);
        if (known == dish.hosts.end() || known->second.leaf != host.leaf)
            edits.emplace_back(address, host.leaf);
    }
    dish.hosts = std::move(hosts);
    if (edits.empty())
        return;
    auto table = std::make_shared<fib::Table>(*dish.table);
    for (const auto& [address, leaf] : edits)
        table->set_host(address, leaf);
    dish.table = std::move(table);
}

}  // namespace detour::mirror
