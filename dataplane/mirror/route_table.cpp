// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/route_table.h"

#include <algorithm>
#include <cassert>

namespace detour::mirror {

namespace {

// Where `path` stands under the key, if it does.
std::optional<std::size_t> position(const Paths& paths, const RouteTable::Routes& routes,
                                    const Path& path) {
    for (std::size_t i = 0; i < routes.size(); ++i)
        if (paths[routes.at(i)] == path)
            return i;
    return std::nullopt;
}

// IPv6 withdraws one sibling of a multipath route by a message that names it alone.
std::optional<Path> without_sibling(const Path& path, const Path& sibling) {
    if (path.hops.size() < 2 || sibling.hops.size() != 1 || path.type != sibling.type)
        return std::nullopt;
    Path rest = path;
    std::erase_if(rest.hops, [&](const Hop& hop) {
        return hop.device == sibling.hops[0].device && hop.gateway == sibling.hops[0].gateway;
    });
    if (rest.hops.size() + 1 != path.hops.size())
        return std::nullopt;
    return rest;
}

// IPv6 keeps routes without a gateway side by side under one key (fe80::/64 of every link);
// everything else that comes second may have become a sibling of the first.
bool stands_alone(const RouteKey& key, const Path& path) {
    return key.prefix.family() == Family::ipv6 && path.nexthop.value == 0 &&
           std::ranges::none_of(path.hops, [](const Hop& hop) { return hop.gateway.has_value(); });
}

}  // namespace

void ChangedPrefixes::add(const Prefix& prefix) {
    if (are_all)
        return;
    if (prefixes.size() < limit) {
        prefixes.push_back(prefix);
        return;
    }
    are_all = true;
    prefixes = {};
}

RouteTable::Effect RouteTable::apply(const RouteEvent& event, const DumpClock& clock) {
    const Effect effect = event.change == Change::set ? set(event, clock) : remove(event, clock);
    if (effect.is_change)
        changed_.add(event.key.prefix);
    return effect;
}

RouteTable::Effect RouteTable::set(const RouteEvent& event, const DumpClock& clock) {
    erased_.erase(event.key);
    const auto [at, is_new] = entries_.try_emplace(event.key);
    Routes& routes = at->second;
    routes.stamp = clock.event_stamp();
    if (is_new) {
        routes.first = paths_->acquire(event.path);
        ++count_;
        return {true, true};
    }
    if (routes.size() == 1 && (*paths_)[routes.first] == event.path)
        return {false, true};
    if (event.is_replacement) {
        assign(routes.first, paths_->acquire(event.path));
        return {true, routes.size() == 1};
    }
    if (position(*paths_, routes, event.path))
        return {false, false};
    append(routes, paths_->acquire(event.path));
    return {true, stands_alone(event.key, event.path)};
}

RouteTable::Effect RouteTable::remove(const RouteEvent& event, const DumpClock& clock) {
    const auto at = entries_.find(event.key);
    if (at == entries_.end()) {
        if (clock.is_running)
            erased_.insert(event.key);
        return {false, true};
    }
    Routes& routes = at->second;
    routes.stamp = clock.event_stamp();
    if (const auto index = position(*paths_, routes, event.path)) {
        drop(at, *index, clock);
        return {true, true};
    }
    if (const auto rest = without_sibling((*paths_)[routes.first], event.path)) {
        assign(routes.first, paths_->acquire(*rest));
        return {true, false};
    }
    // Not the route we know, yet the kernel removed one under this key.
    const bool was_alone = routes.size() == 1;
    if (was_alone)
        drop(at, 0, clock);
    return {was_alone, false};
}

RouteTable::Effect RouteTable::offer(const RouteKey& key, const Path& path, const Scope& scope,
                                     const DumpClock& clock) {
    if (erased_.contains(key))
        return {};
    const auto [at, is_new] = entries_.try_emplace(key);
    Effect effect{true, true};
    if (is_new) {
        at->second = {paths_->acquire(path), clock.dump_stamp(), 1, nullptr};
        ++count_;
    } else {
        effect = offer_known(at->second, path, scope, clock);
    }
    if (effect.is_change)
        changed_.add(key.prefix);
    return effect;
}

RouteTable::Effect RouteTable::offer_known(Routes& routes, const Path& path, const Scope& scope,
                                           const DumpClock& clock) {
    if (routes.stamp.is_event_since(clock.number))
        return {};
    if (routes.stamp.dump != clock.number) {
        routes.stamp = clock.dump_stamp();
        routes.offered = 0;
    }
    const std::size_t index = routes.offered++;
    if (scope)
        return offer_more(routes, path, scope);
    if (index >= routes.size()) {
        append(routes, paths_->acquire(path));
        return {true, true};
    }
    PathId& slot = index == 0 ? routes.first : (*routes.others)[index - 1];
    if ((*paths_)[slot] == path)
        return {};
    assign(slot, paths_->acquire(path));
    return {true, true};
}

// A dump of some routes does not say where among the others under its key a route stands.
RouteTable::Effect RouteTable::offer_more(Routes& routes, const Path& path, const Scope& scope) {
    if (position(*paths_, routes, path))
        return {};
    if (routes.size() != 1 || !scope(routes.first))
        return {false, false};
    assign(routes.first, paths_->acquire(path));
    return {true, true};
}

RouteTable::Swept RouteTable::sweep(const Scope& scope, const DumpClock& clock) {
    erased_.clear();
    Swept total;
    for (auto at = entries_.begin(); at != entries_.end();) {
        const auto next = std::next(at);
        if (!at->second.stamp.is_event_since(clock.number)) {
            const Swept swept = sweep_key(at, scope, clock);
            total.forgotten += swept.forgotten;
            total.is_clear &= swept.is_clear;
        }
        at = next;
    }
    return total;
}

RouteTable::Swept RouteTable::sweep_key(Map::iterator at, const Scope& scope,
                                        const DumpClock& clock) {
    Routes& routes = at->second;
    const std::size_t mentioned = routes.stamp.dump == clock.number ? routes.offered : 0;
    std::size_t expected = routes.size();
    if (scope) {
        expected = 0;
        for (std::size_t i = 0; i < routes.size(); ++i)
            expected += scope(routes.at(i)) ? 1 : 0;
    }
    if (mentioned >= expected)
        return {};
    if (scope && mentioned != 0)
        return {0, false};  // which of them went, only a dump of all says
    changed_.add(at->first.prefix);
    Swept swept;
    for (std::size_t left = routes.size(); left > mentioned; --left)
        if (!scope || scope(routes.at(left - 1))) {
            drop(at, left - 1, {});  // the last one takes the key along, and ends the loop
            ++swept.forgotten;
        }
    return swept;
}

bool RouteTable::rewrite(const Fate& fate, const DumpClock& clock) {
    bool is_change = false;
    for (auto at = entries_.begin(); at != entries_.end();) {
        Routes& routes = at->second;
        const auto next = std::next(at);
        for (std::size_t i = routes.size(); i-- > 0;) {
            PathId& slot = i == 0 ? routes.first : (*routes.others)[i - 1];
            const auto becomes = fate(slot);
            if (becomes == slot)
                continue;
            is_change = true;
            changed_.add(at->first.prefix);
            routes.stamp = clock.event_stamp();
            if (becomes) {
                paths_->hold(*becomes);
                assign(slot, *becomes);
            } else {
                drop(at, i, clock);
            }
        }
        at = next;
    }
    return is_change;
}

void RouteTable::assign(PathId& slot, PathId path) {
    paths_->release(slot);
    slot = path;
}

void RouteTable::append(Routes& routes, PathId path) {
    if (!routes.others)
        routes.others = std::make_unique<std::vector<PathId>>();
    routes.others->push_back(path);
    ++count_;
}

void RouteTable::drop(Map::iterator at, std::size_t index, const DumpClock& clock) {
    Routes& routes = at->second;
    assert(index < routes.size());
    paths_->release(routes.at(index));
    --count_;
    if (routes.size() == 1) {
        if (clock.is_running)
            erased_.insert(at->first);
        entries_.erase(at);
        return;
    }
    if (index == 0) {
        routes.first = routes.others->front();
        index = 1;
    }
    routes.others->erase(routes.others->begin() + static_cast<std::ptrdiff_t>(index - 1));
    if (routes.others->empty())
        routes.others.reset();
}

}  // namespace detour::mirror
