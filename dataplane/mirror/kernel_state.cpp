// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/kernel_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace detour::mirror {

Changes KernelState::take_changes() {
    for (auto& [name, routes] : tables_)
        if (auto changed = routes.take_changed(); changed.are_all || !changed.prefixes.empty())
            changes_.tables.emplace(name, std::move(changed));
    return std::exchange(changes_, {});
}

void KernelState::apply(const Event& event) {
    std::visit([this](const auto& one) { take(one); }, event);
}

void KernelState::take(const LinkEvent& event) {
    const InterfaceIndex device = event.link.interface;
    const Link* known = links_.find(device);
    const auto before = known ? std::optional(*known) : std::nullopt;
    if (event.change == Change::removed) {
        if (links_.erase(device, clock_)) {
            lose(device, Loss::gone);
            changes_.links = true;
        }
        return;
    }
    if (links_.put(device, event.link, clock_))
        link_changed(before, event.link);
}

void KernelState::link_changed(const std::optional<Link>& before, const Link& link) {
    changes_.links = true;
    if (before && before->is_up && !link.is_up)
        lose(link.interface, Loss::down);
    else if (before && before->has_carrier && !link.has_carrier)
        lose(link.interface, Loss::carrier);
    else if (before && !before->is_up && link.is_up)
        revive(link.interface);
    const bool is_cause = before && (before->is_up != link.is_up || before->mtu != link.mtu ||
                                     before->has_carrier != link.has_carrier);
    if (is_cause)
        suspect_device(link.interface);
}

void KernelState::take(const AddressEvent& event) {
    if (event.change == Change::set) {
        if (addresses_.put(event.key, true, clock_) && event.key.address.family() == Family::ipv4) {
            revive(event.key.interface);
            suspect_device(event.key.interface);
        }
    } else if (addresses_.erase(event.key, clock_)) {
        address_gone(event.key);
    }
}

void KernelState::address_gone(const InterfaceAddressKey& key) {
    suspect_device(key.interface);
    if (key.address.family() != Family::ipv4)
        return;
    if (!has_ipv4_address(key.interface))
        lose(key.interface, Loss::last_ipv4_address);
    const bool is_still_ours = std::ranges::any_of(
        addresses_.entries(), [&](const auto& item) { return item.first.address == key.address; });
    if (is_still_ours)
        return;
    // Routes of main that prefer it as their source go with it, whatever device they use.
    const auto found = tables_.find({Family::ipv4, main_table});
    if (found == tables_.end())
        return;
    const bool is_change = found->second.rewrite(
        [&](PathId id) {
            return paths_[id].preferred_source == key.address ? std::nullopt : std::optional(id);
        },
        clock_);
    if (!is_change)
        return;
    changes_.routes = true;
    suspicions_.insert({Kind::routes, Family::ipv4, std::nullopt, main_table});
}

void KernelState::take(const NeighbourEvent& event) {
    if (event.change == Change::set)
        changes_.neighbours |= neighbours_.put(event.key, event.neighbour, clock_);
    else
        changes_.neighbours |= neighbours_.erase(event.key, clock_);
}

void KernelState::take(const NexthopEvent& event) {
    if (event.change == Change::set)
        changes_.nexthops |= nexthops_.put(event.id, event.nexthop, clock_);
    else
        remove_nexthop(event.id);
}

// The kernel takes an object out of its groups, a group that is empty with it, and the routes.
void KernelState::remove_nexthop(NexthopId id) {
    if (!nexthops_.erase(id, clock_))
        return;
    changes_.nexthops = true;
    for (const Family family : families)
        rewrite_routes(family, [&](const Path& path) {
            return path.nexthop == id ? std::nullopt : std::optional(path);
        });
    std::vector<NexthopId> empty;
    std::vector<std::pair<NexthopId, Nexthop>> smaller;
    for (const auto& [group_id, entry] : nexthops_.entries()) {
        if (std::ranges::find(entry.value.members, id, &NexthopMember::id) ==
            entry.value.members.end())
            continue;
        Nexthop group = entry.value;
        std::erase_if(group.members, [&](const NexthopMember& member) { return member.id == id; });
        if (group.members.empty())
            empty.push_back(group_id);
        else
            smaller.emplace_back(group_id, std::move(group));
    }
    for (auto& [group_id, group] : smaller)
        nexthops_.put(group_id, std::move(group), clock_);
    for (const NexthopId group_id : empty)
        remove_nexthop(group_id);
}

// The kernel tells of a route as a blackhole while the object that it names is one, and says
// nothing of the route when the object leads elsewhere again: what belongs to the route itself is
// unicast.
std::optional<RouteEvent> KernelState::without_borrowed_type(const RouteEvent& event) const {
    if (event.path.type != RouteType::blackhole || event.path.nexthop.value == 0)
        return std::nullopt;
    const Nexthop* object = nexthops_.find(event.path.nexthop);
    if (object != nullptr && object->members.size() == 1)
        object = nexthops_.find(object->members.front().id);
    if (object == nullptr || !object->is_blackhole)
        return std::nullopt;
    RouteEvent own = event;
    own.path.type = RouteType::unicast;
    return own;
}

void KernelState::take(const RouteEvent& event) {
    if (const auto own = without_borrowed_type(event))
        return take(*own);
    const TableName name{event.family(), event.table};
    const auto effect = table(name).apply(event, clock_);
    if (effect.is_change)
        changes_.routes = true;
    if (!effect.is_clear)
        suspicions_.insert({Kind::routes, event.family(), std::nullopt, event.table});
}

void KernelState::take(const RuleEvent& event) {
    auto& rules = rules_[static_cast<std::size_t>(event.rule.family)];
    has_rule_event_ |= clock_.is_running;
    if (event.change == Change::removed) {
        const auto at = std::ranges::find(rules, event.rule);
        if (at == rules.end())
            return;
        rules.erase(at);
    } else {
        // Behind those of its priority, as the kernel does.
        rules.insert(std::ranges::upper_bound(rules, event.rule.priority, {}, &Rule::priority),
                     event.rule);
    }
    changes_.rules = true;
}

void KernelState::lose(InterfaceIndex device, Loss loss) {
    if (takes_nexthops(loss)) {
        std::vector<NexthopId> gone;
        for (const auto& [id, entry] : nexthops_.entries())
            if (entry.value.members.empty() && entry.value.hop.device == device &&
                device.value != 0)
                gone.push_back(id);
        for (const NexthopId id : gone)
            remove_nexthop(id);
    }
    for (const Family family : families)
        rewrite_routes(family,
                       [&](const Path& path) { return path_after(path, family, device, loss); });
    std::vector<NeighbourKey> silent;
    for (const auto& [key, entry] : neighbours_.entries())
        if (key.interface == device && takes_neighbour(loss, key.address.family(), entry.value))
            silent.push_back(key);
    for (const NeighbourKey& key : silent)
        changes_.neighbours |= neighbours_.erase(key, clock_);
}

void KernelState::revive(InterfaceIndex device) {
    for (const Family family : families)
        rewrite_routes(family,
                       [&](const Path& path) { return std::optional(path_revived(path, device)); });
}

void KernelState::rewrite_routes(Family family,
                                 const std::function<std::optional<Path>(const Path&)>& fate) {
    // Few paths, many routes: decide per path, and look at the routes only when one is concerned.
    std::map<PathId, std::optional<PathId>> fates;
    const std::size_t limit = paths_.limit();
    for (std::uint32_t i = 0; i < limit; ++i) {
        const PathId id(i);
        if (!paths_.is_held(id))
            continue;
        const Path path = paths_[id];
        const auto becomes = fate(path);
        if (!becomes)
            fates.emplace(id, std::nullopt);
        else if (*becomes != path)
            fates.emplace(id, paths_.acquire(*becomes));
    }
    if (fates.empty())
        return;
    for (auto& [name, routes] : tables_)
        if (name.first == family && routes.rewrite(
                                        [&](PathId id) {
                                            const auto found = fates.find(id);
                                            return found == fates.end() ? std::optional(id)
                                                                        : found->second;
                                        },
                                        clock_))
            changes_.routes = true;
    for (const auto& [id, becomes] : fates)
        if (becomes)
            paths_.release(*becomes);
}

void KernelState::suspect_device(InterfaceIndex device) {
    if (links_.find(device) == nullptr)
        return;
    suspicions_.insert({Kind::nexthops, std::nullopt, device, std::nullopt});
    suspicions_.insert({Kind::neighbours, std::nullopt, device, std::nullopt});
    for (const Family family : families)
        suspicions_.insert({Kind::routes, family, device, std::nullopt});
}

bool KernelState::has_ipv4_address(InterfaceIndex device) const {
    return std::ranges::any_of(addresses_.entries(), [&](const auto& item) {
        return item.first.interface == device && item.first.address.family() == Family::ipv4;
    });
}

bool KernelState::leads_to(NexthopId id, InterfaceIndex device) const {
    const Nexthop* nexthop = nexthops_.find(id);
    if (nexthop == nullptr)
        return false;
    if (nexthop->members.empty())
        return nexthop->hop.device == device;
    return std::ranges::any_of(
        nexthop->members, [&](const NexthopMember& member) { return leads_to(member.id, device); });
}

const RouteTable* KernelState::table(Family family, TableId id) const {
    const auto found = tables_.find({family, id});
    return found == tables_.end() ? nullptr : &found->second;
}

RouteTable& KernelState::table(const TableName& name) {
    return tables_.try_emplace(name, paths_).first->second;
}

std::size_t KernelState::route_count() const {
    std::size_t count = 0;
    for (const auto& [name, routes] : tables_)
        count += routes.size();
    return count;
}

std::vector<std::string> KernelState::description() const {
    std::vector<std::string> lines;
    for (const auto& [device, entry] : links_.entries())
        lines.push_back("link " + to_string(entry.value));
    for (const auto& [key, entry] : addresses_.entries())
        lines.push_back(fmt::format("address #{} {}/{}", key.interface.value,
                                    key.address.to_string(), key.length));
    for (const auto& [key, entry] : neighbours_.entries())
        if (entry.value.is_usable())
            lines.push_back(fmt::format("neighbour #{} {} {}", key.interface.value,
                                        key.address.to_string(),
                                        entry.value.is_managed ? "managed" : "plain"));
    for (const auto& [id, entry] : nexthops_.entries())
        lines.push_back(fmt::format("nexthop {} {}", id.value, to_string(entry.value)));
    for (const Family family : families)
        for (const Rule& rule : rules(family))
            lines.push_back("rule " + to_string(rule));
    for (const auto& [name, routes] : tables_)
        for (const auto& [key, entry] : routes.entries())
            for (std::size_t i = 0; i < entry.size(); ++i)
                lines.push_back(fmt::format("route table {} {} {}", name.second.value,
                                            to_string(key), to_string(paths_[entry.at(i)])));
    return lines;
}

}  // namespace detour::mirror
