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
Layer special_layer(const Prefix& part) {
    static const std::array<std::vector<Item>, 2> all{
        {{{*Prefix::parse("224.0.0.0/4"), value_of(Fixed::broadcast)},
          {*Prefix::parse("255.255.255.255/32"), value_of(Fixed::broadcast)}},
         {{*Prefix::parse("fe80::/10"), value_of(Fixed::local)},
          {*Prefix::parse("ff00::/8"), value_of(Fixed::broadcast)}}}};
    Layer layer;
    for (const Item& item : all[static_cast<std::size_t>(part.family())]) {
        if (part.contains(item.prefix))
            layer.items.push_back(item);
        else if (item.prefix.contains(part))
            layer.inherited = item.value;
    }
    return layer;
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
    own_ = {};
    const bool is_asked = std::ranges::any_of(devices_.ports, [](const PortDevice& port) {
        return port.source_check != fib::SourceCheck::off;
    });
    if (is_asked)
        for (const Family family : families)
            own_[static_cast<std::size_t>(family)] = serve(family, "lo");
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

std::optional<std::vector<Prefix>> Compiler::stale_parts(const Recipe& recipe,
                                                         const Changes& changes) const {
    std::vector<Prefix> parts;
    std::size_t route_count = 0;
    const auto collect = [&](const Step& step) {
        if (step.verdict)
            return true;
        if (const RouteTable* routes = kernel_->table(recipe.family, step.table))
            route_count += routes->size();
        const auto changed = changes.tables.find({recipe.family, step.table});
        if (changed == changes.tables.end())
            return true;
        const auto& prefixes = changed->second.prefixes;
        parts.insert(parts.end(), prefixes.begin(), prefixes.end());
        return !changed->second.are_all;
    };
    for (const Step& step : recipe.steps)
        if (!collect(step))
            return std::nullopt;
    for (const SourceStep& one : recipe.sources)
        if (!collect(one.step) || !parts.empty())
            return std::nullopt;
    std::ranges::sort(parts);
    // What lies within the part before it is covered by it.
    std::vector<Prefix> outermost;
    for (const Prefix& part : parts)
        if (outermost.empty() || !outermost.back().contains(part))
            outermost.push_back(part);
    // Composing a part costs about as much as composing 16 routes of the whole.
    if (!outermost.empty() &&
        (outermost.front().is_default() || outermost.size() * 16 > route_count + 256))
        return std::nullopt;
    return outermost;
}

void Compiler::cook(const Recipe& recipe, Dish& dish) {
    dish.leaves.clear();
    dish.hosts.clear();
    const auto all = entries(dish, compose_part(recipe, Prefix::default_of(recipe.family)));
    dish.table = std::make_shared<fib::Table>(recipe.family, all);
    ++compiled_.composed;
}

// False when the table has no room for it.
bool Compiler::touch_up(const Recipe& recipe, Dish& dish, std::span<const Prefix> parts) {
    if (parts.empty())
        return true;
    std::vector<fib::Edit> edits;
    for (const Prefix& part : parts) {
        edits.push_back(entries(dish, compose_part(recipe, part)));
        const auto first = dish.hosts.lower_bound(part.address());
        auto last = first;
        while (last != dish.hosts.end() && part.contains(last->first))
            ++last;
        dish.hosts.erase(first, last);
    }
    auto table = dish.table->with(edits);
    if (!table)
        return false;
    dish.table = std::move(table);
    ++compiled_.edited;
    return true;
}

std::vector<Composed> Compiler::compose_part(const Recipe& recipe, const Prefix& part) const {
    const auto& tags = tags_[static_cast<std::size_t>(recipe.family)];
    if (!recipe.sources.empty()) {
        std::vector<Item> items;
        for (const SourceStep& one : recipe.sources)
            if (const Value value = source_answer(recipe.family, one.step); value != no_answer)
                items.push_back({one.source, value});
        return compose_sources(recipe.family, items, tags, fib::no_set);
    }
    std::vector<Layer> layers{special_layer(part)};
    for (const Step& step : recipe.steps)
        layers.push_back(layer(part, step));
    return compose(part, layers, tags, fib::no_set);
}

std::vector<fib::Entry> Compiler::entries(Dish& dish, std::span<const Composed> composed) {
    std::unordered_map<std::uint64_t, fib::LeafIndex> known;
    std::vector<fib::Entry> result;
    result.reserve(composed.size());
    for (const Composed& one : composed) {
        const auto [at, is_new] =
            known.try_emplace(std::uint64_t{one.value} << 16U | one.tag, fib::no_leaf);
        if (is_new && one.value != no_answer) {
            at->second = leaves_.index({one.value, one.tag, {}, {}});
            dish.leaves.insert(at->second);
        }
        result.emplace_back(one.prefix, at->second);
    }
    return result;
}

Layer Compiler::layer(const Prefix& part, const Step& step) const {
    Layer layer;
    layer.within = step.destination;
    if (step.verdict) {
        layer.inherited = value_of(*step.verdict);
        return layer;
    }
    const RouteTable* table = kernel_->table(part.family(), step.table);
    if (table == nullptr)
        return layer;
    const RouteTable::Map& routes = table->entries();
    const auto first_at = [&](const Prefix& prefix) {
        return routes.lower_bound({prefix, 0xff, 0});
    };
    for (int length = part.length() - 1; length >= 0; --length) {
        const Prefix covering(part.address(), static_cast<std::uint8_t>(length));
        auto at = first_at(covering);
        if (at == routes.end() || at->first.prefix != covering)
            continue;
        if (const auto value = value_at(at, routes, step)) {
            layer.inherited = *value;
            break;
        }
    }
    if (part.is_default())
        layer.items.reserve(table->size());
    for (auto at = first_at(part); at != routes.end() && part.contains(at->first.prefix);) {
        const Prefix prefix = at->first.prefix;
        if (const auto value = value_at(at, routes, step))
            layer.items.push_back({prefix, *value});
    }
    return layer;
}

// What a table says at one prefix, if anything: that of the first route the kernel would take.
// `at` stands on the prefix' first route and is moved behind its last.
std::optional<Value> Compiler::value_at(RouteTable::Map::const_iterator& at,
                                        const RouteTable::Map& routes, const Step& step) const {
    std::optional<Value> value;
    for (const Prefix prefix = at->first.prefix; at != routes.end() && at->first.prefix == prefix;
         ++at) {
        if (value)
            continue;
        if (at->first.tos != 0)  // some packets to here go elsewhere: the kernel knows which
            value = value_of(Fixed::unsupported);
        else
            value = answer(at->second, step, prefix);
    }
    return value;
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
    std::vector<fib::Edit> edits;
    const auto edit = [&](const Address& address, fib::LeafIndex leaf) {
        edits.push_back({{Prefix::host(address), leaf}});
    };
    for (const auto& [address, host] : dish.hosts)
        if (!hosts.contains(address))
            edit(address, host.covering);
    for (const auto& [address, host] : hosts) {
        const auto known = dish.hosts.find(address);
        if (known == dish.hosts.end() || known->second.leaf != host.leaf)
            edit(address, host.leaf);
    }
    if (edits.empty()) {
        dish.hosts = std::move(hosts);
        return;
    }
    if (auto table = dish.table->with(edits)) {
        dish.hosts = std::move(hosts);
        dish.table = std::move(table);
        return;
    }
    cook(recipe, dish);  // a new table, with room
    place_hosts(recipe, dish, resolver);
}

}  // namespace detour::mirror
