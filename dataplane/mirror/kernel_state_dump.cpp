// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How a dump is compared with the copy as it streams in (ledger.h explains whose word counts).
#include <algorithm>

#include "dataplane/mirror/kernel_state.h"

namespace detour::mirror {

void KernelState::begin_dump(const Dump& dump) {
    ++clock_.number;
    clock_.is_running = true;
    dump_ = dump;
    offered_rules_.clear();
    has_rule_event_ = false;
    links_.begin_dump();
    addresses_.begin_dump();
    neighbours_.begin_dump();
    nexthops_.begin_dump();
    for (auto& [name, routes] : tables_)
        routes.begin_dump();
}

std::size_t KernelState::offer(const Event& event) {
    if (const auto* link = std::get_if<LinkEvent>(&event)) {
        const Link* known = links_.find(link->link.interface);
        const auto before = known ? std::optional(*known) : std::nullopt;
        if (!links_.offer(link->link.interface, link->link, clock_))
            return 0;
        link_changed(before, link->link);
        return 1;
    }
    if (const auto* address = std::get_if<AddressEvent>(&event))
        return addresses_.offer(address->key, true, clock_) ? 1 : 0;
    if (const auto* neighbour = std::get_if<NeighbourEvent>(&event)) {
        const bool is_change = neighbours_.offer(neighbour->key, neighbour->neighbour, clock_);
        changes_.neighbours |= is_change;
        return is_change ? 1 : 0;
    }
    if (const auto* nexthop = std::get_if<NexthopEvent>(&event)) {
        const bool is_change = nexthops_.offer(nexthop->id, nexthop->nexthop, clock_);
        changes_.nexthops |= is_change;
        return is_change ? 1 : 0;
    }
    if (const auto* route = std::get_if<RouteEvent>(&event))
        return offer_route(*route);
    offered_rules_.push_back(std::get<RuleEvent>(event).rule);
    return 0;
}

std::size_t KernelState::offer_route(const RouteEvent& event) {
    if (const auto own = without_borrowed_type(event))
        return offer_route(*own);
    const TableName name{event.family(), event.table};
    const auto scope = dump_.device ? RouteTable::Scope([this](PathId id) {
        const Path& path = paths_[id];
        return leads_to(path.nexthop, *dump_.device) ||
               std::ranges::find(path.hops, *dump_.device, &Hop::device) != path.hops.end();
    })
                                    : RouteTable::Scope();
    const auto effect = table(name).offer(event.key, event.path, scope, clock_);
    if (effect.is_change)
        changes_.routes = true;
    if (!effect.is_clear)
        suspicions_.insert({Kind::routes, name.first, std::nullopt, name.second});
    return effect.is_change ? 1 : 0;
}

std::size_t KernelState::end_dump() {
    const auto on_device = [this](InterfaceIndex device) {
        return !dump_.device || *dump_.device == device;
    };
    std::size_t gone = 0;
    switch (dump_.kind) {
        case Kind::links: {
            std::vector<InterfaceIndex> lost;
            gone = links_.sweep(
                clock_, [](InterfaceIndex, const Link&) { return true; },
                [&](InterfaceIndex device, const Link&) { lost.push_back(device); });
            for (const InterfaceIndex device : lost)
                lose(device, Loss::gone);
            changes_.links |= gone != 0;
            break;
        }
        case Kind::addresses: {
            std::vector<InterfaceAddressKey> lost;
            gone = addresses_.sweep(
                clock_, [](const InterfaceAddressKey&, bool) { return true; },
                [&](const InterfaceAddressKey& key, bool) { lost.push_back(key); });
            for (const InterfaceAddressKey& key : lost)
                address_gone(key);
            break;
        }
        case Kind::neighbours:
            gone = neighbours_.sweep(
                clock_,
                [&](const NeighbourKey& key, const Neighbour&) { return on_device(key.interface); },
                [](const NeighbourKey&, const Neighbour&) {});
            changes_.neighbours |= gone != 0;
            break;
        case Kind::nexthops: {
            // A dump by device does not list groups.
            std::vector<NexthopId> lost;
            for (const auto& [id, entry] : nexthops_.entries())
                if (entry.stamp.dump != clock_.number &&
                    (!dump_.device || (entry.value.members.empty() && !entry.value.is_blackhole &&
                                       on_device(entry.value.hop.device))))
                    lost.push_back(id);
            clock_.is_running = false;
            for (const NexthopId id : lost)
                remove_nexthop(id);
            gone = lost.size();
            nexthops_.sweep(
                clock_, [](NexthopId, const Nexthop&) { return false; },
                [](NexthopId, const Nexthop&) {});
            break;
        }
        case Kind::rules:
            gone = end_rules(*dump_.family);
            break;
        case Kind::routes:
            gone = end_routes();
            break;
    }
    clock_.is_running = false;
    return gone;
}

std::size_t KernelState::end_rules(Family family) {
    auto& rules = rules_[static_cast<std::size_t>(family)];
    if (rules == offered_rules_)
        return 0;
    if (has_rule_event_) {  // the picture may be older than what we know: take another
        suspicions_.insert({Kind::rules, family, std::nullopt, std::nullopt});
        return 0;
    }
    rules = std::move(offered_rules_);
    changes_.rules = true;
    return 1;
}

std::size_t KernelState::end_routes() {
    // Decided once per path, not per route.
    std::vector<char> in_scope(paths_.limit(), 1);
    if (dump_.device)
        for (std::uint32_t i = 0; i < in_scope.size(); ++i) {
            if (!paths_.is_held(PathId(i)))
                continue;
            const Path& path = paths_[PathId(i)];
            in_scope[i] =
                leads_to(path.nexthop, *dump_.device) ||
                std::ranges::find(path.hops, *dump_.device, &Hop::device) != path.hops.end();
        }
    const auto scope = dump_.device
                           ? RouteTable::Scope([&](PathId id) { return in_scope[id.value] != 0; })
                           : RouteTable::Scope();
    std::size_t gone = 0;
    for (auto& [name, routes] : tables_) {
        if (name.first != dump_.family || (dump_.table && name.second != *dump_.table))
            continue;
        const auto swept = routes.sweep(scope, clock_);
        gone += swept.forgotten;
        if (swept.forgotten != 0)
            changes_.routes = true;
        if (!swept.is_clear)
            suspicions_.insert({Kind::routes, name.first, std::nullopt, name.second});
    }
    return gone;
}

void KernelState::abandon_dump() {
    clock_.is_running = false;
}

}  // namespace detour::mirror
