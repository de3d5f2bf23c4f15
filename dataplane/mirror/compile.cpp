// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/compile.h"

#include <algorithm>

namespace detour::mirror {

Compiler::Compiler(KernelState& kernel, Devices devices)
    : kernel_(&kernel), devices_(std::move(devices)), leaves_(kernel.paths()) {
    sort_tags();
}

void Compiler::change_devices(Devices devices) {
    devices_ = std::move(devices);
    has_new_devices_ = true;
    sort_tags();
}

void Compiler::sort_tags() {
    tags_ = {};
    for (const auto& [prefix, set] : devices_.prefixes)
        tags_[static_cast<std::size_t>(prefix.family())].push_back({prefix, set.value});
    for (auto& tags : tags_) {
        std::ranges::sort(tags, {}, &Tag::prefix);
        const auto rest = std::ranges::unique(tags, {}, &Tag::prefix);
        tags.erase(rest.begin(), rest.end());
    }
}

std::unique_ptr<const fib::ForwardingState> Compiler::compile() {
    const Changes changes = kernel_->take_changes();
    const Resolver resolver(*kernel_, devices_);
    const bool is_any_table_stale = has_standing_changed(resolver) || has_new_devices_;
    compiled_.composed = 0;
    compiled_.edited = 0;
    if (is_first_ || has_new_devices_ || changes.rules || changes.links)
        plan_ingresses();
    has_new_devices_ = false;
    const bool may_move_hosts = changes.neighbours || changes.nexthops || changes.links;
    for (auto& [recipe, dish] : dishes_) {
        const auto before = dish.table;
        const auto parts =
            dish.table && !is_any_table_stale ? stale_parts(recipe, changes) : std::nullopt;
        if (!parts || !touch_up(recipe, dish, *parts))
            cook(recipe, dish);
        if (dish.table != before || may_move_hosts)
            place_hosts(recipe, dish, resolver);
    }
    free_unused_leaves();

    auto state = std::make_unique<fib::ForwardingState>();
    point_leaves(*state, resolver);
    store_ingresses(*state, resolver);
    adjacencies_.sweep();
    adjacencies_.store(*state);
    store_own_addresses(*state);
    state->peers = fib::AddressSet(devices_.peers);
    count();
    const bool is_same = !is_first_ && state->ports == last_.ports &&
                         state->tunnels == last_.tunnels &&
                         state->tunnel_ends == last_.tunnel_ends && state->leaves == last_.leaves &&
                         state->adjacencies == last_.adjacencies &&
                         state->buckets == last_.buckets && state->own == last_.own &&
                         state->broadcasts == last_.broadcasts && state->peers == last_.peers;
    if (is_same)
        return nullptr;
    is_first_ = false;
    state->generation = last_.generation + 1;
    last_ = *state;
    return state;
}

// A path that began or ceased to be an answer, or whose device changed its group, changes every
// table it is in. Rare: the kernel removes routes together with their next hops.
bool Compiler::has_standing_changed(const Resolver& resolver) {
    const Paths& paths = kernel_->paths();
    bool is_change = false;
    standings_.resize(paths.limit());
    for (std::uint32_t i = 0; i < standings_.size(); ++i) {
        const PathId id(i);
        if (!paths.is_held(id))
            continue;
        const Seen now{paths.serial(id), resolver.standing(id)};
        is_change |=
            standings_[i].serial == now.serial && !(standings_[i].standing == now.standing);
        standings_[i] = now;
    }
    return is_change;
}

// An edited table may have ceased to name a leaf; for certain it has when no route has its path.
void Compiler::free_unused_leaves() {
    std::vector<char> marked(leaves_.limit(), 0);
    for (auto& [recipe, dish] : dishes_) {
        std::erase_if(dish.leaves, [this](fib::LeafIndex leaf) {
            const auto path = path_of(leaves_.key(leaf).value);
            return path && !kernel_->paths().has_route(*path);
        });
        for (const fib::LeafIndex leaf : dish.leaves)
            marked[leaf] = 1;
        for (const auto& [address, host] : dish.hosts)
            marked[host.leaf] = 1;
    }
    leaves_.keep(marked);
}

void Compiler::point_leaves(fib::ForwardingState& state, const Resolver& resolver) {
    adjacencies_.begin();
    uses_.clear();
    state.leaves.resize(leaves_.limit());
    leaf_adjacency_.resize(leaves_.limit(), 0);
    for (std::size_t i = 1; i < state.leaves.size(); ++i) {
        const auto leaf = static_cast<fib::LeafIndex>(i);
        if (!leaves_.is_used(leaf)) {
            leaf_adjacency_[i] = 0;
            continue;
        }
        const LeafKey& key = leaves_.key(leaf);
        Resolution resolution;
        if (key.host) {
            const auto path = path_of(key.value);
            const std::uint32_t mtu = path ? kernel_->paths()[*path].mtu : 0;
            resolution.push_back(resolver.resolve_host({key.link, *key.host}, mtu));
        } else {
            resolution = resolver.resolve(key.value);
        }
        leaf_adjacency_[i] = point(resolution, leaf_adjacency_[i]);
        for (const Resolved& resolved : resolution)
            note_use(resolved, leaf_adjacency_[i], key);
        state.leaves[i] = {leaf_adjacency_[i], key.set};
    }
}

std::uint16_t Compiler::point(const Resolution& resolution, std::uint16_t hint) {
    if (resolution.size() == 1)
        return adjacencies_.index(resolution.front().adjacency, hint);
    std::vector<std::pair<std::uint16_t, std::uint16_t>> members;
    for (const Resolved& resolved : resolution)
        members.emplace_back(adjacencies_.index(resolved.adjacency, 0), resolved.weight);
    return adjacencies_.group_index(weighted_buckets(members));
}

void Compiler::note_use(const Resolved& resolved, std::uint16_t adjacency, const LeafKey& key) {
    if (!resolved.neighbour)
        return;
    NeighbourUse& use = uses_[*resolved.neighbour];
    use.is_gateway |= !key.host.has_value();
    if (resolved.adjacency.verb == fib::Verb::forward)
        use.adjacency = adjacency;
}

void Compiler::store_ingresses(fib::ForwardingState& state, const Resolver& resolver) {
    std::size_t index = 0;
    for (const PortDevice& port : devices_.ports) {
        fib::Ingress& in = state.ports.emplace_back(ingress(index++, port.interface, port.uplink));
        in.source_check = port.source_check;
        if (in.source_check != fib::SourceCheck::off)
            in.reverse = {program(own_[0]), program(own_[1])};
    }
    for (const TunnelDevice& tunnel : devices_.tunnels) {
        const fib::TunnelIndex number(static_cast<std::uint16_t>(state.tunnels.size()));
        state.tunnels.push_back(ingress(index++, tunnel.interface, tunnel.uplink.value));
        const Resolved& end = resolver.tunnel(number);
        const std::uint16_t adjacency = adjacencies_.index(end.adjacency, 0);
        state.tunnel_ends.push_back({tunnel.local, tunnel.remote, tunnel.key, adjacency});
        if (end.neighbour) {
            NeighbourUse& use = uses_[*end.neighbour];
            use.is_gateway = true;
            use.is_tunnel_end |= end.adjacency.verb != fib::Verb::tunnel;
        }
    }
}

fib::Ingress Compiler::ingress(std::size_t index, InterfaceIndex interface,
                               std::uint16_t uplink) const {
    fib::Ingress result;
    result.interface = interface;
    result.uplink = uplink;
    if (const Link* link = kernel_->links().find(interface)) {
        result.is_up = link->is_up && link->has_carrier;
        result.mac = link->mac.value_or(MacAddress{});
    }
    for (const Family family : families) {
        const auto place = static_cast<std::size_t>(family);
        result.programs[place] = program(served_[index][place]);
    }
    return result;
}

fib::Program Compiler::program(const Served& served) const {
    const auto table = [&](const Recipe& recipe) -> std::shared_ptr<const fib::Table> {
        const auto found = dishes_.find(recipe);
        const bool is_empty = recipe.steps.empty() && recipe.sources.empty();
        return is_empty || found == dishes_.end() ? nullptr : found->second.table;
    };
    return {table(served.destination), table(served.source), table(served.fallback)};
}

// Of every device, ours or not: as the kernel, whose local table loses those of a link that is
// down. A link's broadcast address is nobody's source either (RFC 1812 5.3.7); the kernel keeps it
// in the local table, too.
void Compiler::store_own_addresses(fib::ForwardingState& state) const {
    std::vector<Address> addresses;
    for (const auto& [key, entry] : kernel_->addresses().entries()) {
        const Link* link = kernel_->links().find(key.interface);
        if (link != nullptr && link->is_up)
            addresses.push_back(key.address);
    }
    std::vector<Address> broadcasts;
    if (const RouteTable* local = kernel_->table(Family::ipv4, local_table))
        for (const auto& [key, routes] : local->entries())
            if (key.prefix.length() == bit_count(Family::ipv4) &&
                kernel_->paths()[routes.first].type == RouteType::broadcast)
                broadcasts.push_back(key.prefix.address());
    state.broadcasts = fib::AddressSet(broadcasts);
    addresses.insert(addresses.end(), broadcasts.begin(), broadcasts.end());
    state.own = fib::AddressSet(addresses);
}

void Compiler::count() {
    compiled_.leaves = leaves_.size();
    compiled_.adjacencies = adjacencies_.size();
    compiled_.tables = dishes_.size();
    compiled_.table_bytes = 0;
    for (const auto& [recipe, dish] : dishes_)
        compiled_.table_bytes += dish.table->byte_size();
    // Only when some path waits is it worth looking at the routes.
    compiled_.waiting_routes = 0;
    const bool is_any_waiting =
        std::ranges::any_of(standings_, [](const Seen& seen) { return seen.standing.is_waiting; });
    if (!is_any_waiting)
        return;
    for (const auto& [name, routes] : kernel_->tables())
        for (const auto& [key, entry] : routes.entries())
            for (std::size_t i = 0; i < entry.size(); ++i)
                compiled_.waiting_routes += standings_[entry.at(i).value].standing.is_waiting;
}

}  // namespace detour::mirror
