// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/kernel/model_kernel.h"

#include <algorithm>

namespace detour::kernel::plan {

std::string ModelKernel::execute(const Operation& operation) {
    return std::visit([&](const auto& object) { return put(operation.verb, object); },
                      operation.object);
}

void ModelKernel::set_carrier(InterfaceIndex device) {
    state.links.at(device).has_carrier = true;
}

void ModelKernel::clear_carrier(InterfaceIndex device) {
    state.links.at(device).has_carrier = false;
    std::vector<NexthopId> gone;
    for (const auto& [id, nexthop] : state.nexthops)
        if (const auto* via = std::get_if<Via>(&nexthop.way); via && via->device == device)
            gone.push_back(id);
    for (const NexthopId id : gone)
        remove_nexthop(id);
    std::erase_if(state.routes, [&](const auto& entry) {
        const auto* via = std::get_if<Via>(&entry.second);
        return via && via->device == device;
    });
}

bool ModelKernel::is_usable(InterfaceIndex device) const {
    const auto found = state.links.find(device);
    return found != state.links.end() && found->second.is_up && found->second.has_carrier;
}

void ModelKernel::remove_nexthop(NexthopId id) {
    state.nexthops.erase(id);
    std::erase_if(state.routes, [&](const auto& entry) {
        const auto* named = std::get_if<NexthopId>(&entry.second);
        return named && *named == id;
    });
    std::vector<NexthopId> emptied;
    for (auto& [group_id, group_nexthop] : state.nexthops)
        if (auto* group = std::get_if<Group>(&group_nexthop.way))
            if (std::erase(group->members, id) != 0 && group->members.empty())
                emptied.push_back(group_id);
    for (const NexthopId group : emptied)
        remove_nexthop(group);
}

void ModelKernel::remove_link(InterfaceIndex device) {
    clear_carrier(device);
    std::erase_if(state.addresses, [&](const auto& entry) { return entry.first.device == device; });
    state.links.erase(device);
}

std::string ModelKernel::put(Verb verb, const LinkGoal& goal) {
    const Link* link = find(state.links, goal.name);
    if (verb == Verb::remove) {
        if (link == nullptr || link->index != goal.index)
            return "ENODEV link";
        remove_link(goal.index);
        return {};
    }
    if (link != nullptr)
        return "EEXIST link";
    const InterfaceIndex index(next_index_++);
    state.links[index] = {index, goal.name,   true, true, goal.group.value_or(0),
                          1476,  goal.tunnel, true};
    return {};
}

std::string ModelKernel::put(Verb verb, const LinkChange& change) {
    const auto found = state.links.find(change.index);
    if (verb != Verb::replace || found == state.links.end())
        return "ENODEV link change";
    found->second.group = change.group.value_or(found->second.group);
    found->second.mtu = change.mtu.value_or(found->second.mtu);
    found->second.is_up |= change.raise == LinkChange::Raise::yes;
    return {};
}

std::string ModelKernel::put(Verb verb, const LinkAddress& address) {
    if (verb == Verb::remove)
        return state.addresses.erase(address) == 1 ? "" : "EADDRNOTAVAIL";
    if (!state.links.contains(address.device))
        return "ENODEV address";
    return state.addresses.insert({address, {}}).second ? "" : "EEXIST address";
}

std::string ModelKernel::put(Verb verb, const Nexthop& nexthop) {
    const auto found = state.nexthops.find(nexthop.id);
    if (verb == Verb::remove) {
        if (found == state.nexthops.end())
            return "ENOENT nexthop";
        if (found->second.protocol != our_protocol)
            return "touched a foreign nexthop";
        remove_nexthop(nexthop.id);
        return {};
    }
    if (found != state.nexthops.end()) {
        if (verb == Verb::create)
            return "EEXIST nexthop";
        if (found->second.protocol != our_protocol)
            return "touched a foreign nexthop";
        if ((found->second.group() == nullptr) != (nexthop.group() == nullptr))
            return "EINVAL group and plain";
    }
    if (const auto* via = std::get_if<Via>(&nexthop.way); via && !is_usable(via->device))
        return "ENETDOWN";
    if (const Group* group = nexthop.group()) {
        if (group->members.empty())
            return "EINVAL empty group";
        for (const NexthopId member : group->members)
            if (!state.nexthops.contains(member) || state.nexthops.at(member).group())
                return "EINVAL member";
    }
    state.nexthops.insert_or_assign(nexthop.id, nexthop);
    return {};
}

std::string ModelKernel::put(Verb verb, const Route& route) {
    if (verb == Verb::remove)
        return state.routes.erase(route.key) == 1 ? "" : "ESRCH route";
    if (verb == Verb::create && state.routes.contains(route.key))
        return "EEXIST route";
    const auto* id = std::get_if<NexthopId>(&route.way);
    if (id && !state.nexthops.contains(*id))
        return "EINVAL nexthop of route";
    const auto* via = std::get_if<Via>(&route.way);
    if (via && !is_usable(via->device))
        return "ENETDOWN route";
    state.routes.insert_or_assign(route.key, route.way);
    return {};
}

std::string ModelKernel::put(Verb verb, const Rule& rule) {
    const auto found = state.rules.find(rule);
    if (verb == Verb::remove) {
        if (found == state.rules.end() || found->second != our_protocol)
            return "ENOENT rule";
        state.rules.erase(found);
        return {};
    }
    return state.rules.insert({rule, our_protocol}).second ? "" : "EEXIST rule";
}

}  // namespace detour::kernel::plan
