// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/apply.h"

#include <algorithm>
#include <set>

namespace detour::kernel::plan {
namespace {

void drop_routes_of(Actual& actual, const std::set<NexthopId>& gone) {
    std::erase_if(actual.routes, [&](const auto& entry) {
        const auto* id = std::get_if<NexthopId>(&entry.second);
        return id != nullptr && gone.contains(*id);
    });
}

// Next hops are gone, and so is what stood on them.
void drop_nexthops(Actual& actual, std::set<NexthopId> gone) {
    for (auto& [id, nexthop] : actual.nexthops) {
        auto* group = std::get_if<Group>(&nexthop.way);
        if (group == nullptr || group->members.empty())
            continue;
        std::erase_if(group->members, [&](NexthopId member) { return gone.contains(member); });
        if (group->members.empty())
            gone.insert(id);
    }
    std::erase_if(actual.nexthops, [&](const auto& entry) { return gone.contains(entry.first); });
    drop_routes_of(actual, gone);
}

struct Application {
    Actual& actual;
    Verb verb;

    void operator()(const LinkGoal& link) const {
        if (verb == Verb::remove)
            forget(actual, link.index);
    }
    void operator()(const LinkChange& change) const {
        const auto found = actual.links.find(change.index);
        if (found == actual.links.end())
            return;
        found->second.group = change.group.value_or(found->second.group);
        found->second.mtu = change.mtu.value_or(found->second.mtu);
        if (change.raise == LinkChange::Raise::yes)
            found->second.is_up = true;
    }
    // IPv6 addresses take a moment even without duplicate detection; their event says when.
    void operator()(const LinkAddress& address) const {
        if (verb == Verb::remove)
            actual.addresses.erase(address);
        else
            actual.addresses.insert_or_assign(
                address,
                AddressState{our_protocol, address.address.address.family() == Family::ipv4});
    }
    void operator()(const Nexthop& nexthop) const {
        if (verb == Verb::remove)
            drop_nexthops(actual, {nexthop.id});
        else
            actual.nexthops.insert_or_assign(nexthop.id, nexthop);
    }
    void operator()(const Route& route) const {
        if (verb == Verb::remove)
            actual.routes.erase(route.key);
        else
            actual.routes.insert_or_assign(route.key, route.way);
    }
    void operator()(const Rule& rule) const {
        if (verb == Verb::remove)
            actual.rules.erase(rule);
        else
            actual.rules.insert_or_assign(rule, our_protocol);
    }
};

}  // namespace

void apply(Actual& actual, const Operation& operation) {
    std::visit(Application{actual, operation.verb}, operation.object);
}

void flush(Actual& actual, InterfaceIndex device) {
    std::set<NexthopId> gone;
    for (const auto& [id, nexthop] : actual.nexthops)
        if (const auto* via = std::get_if<Via>(&nexthop.way); via && via->device == device)
            gone.insert(id);
    drop_nexthops(actual, gone);
    std::erase_if(actual.routes, [&](const auto& entry) {
        const auto* via = std::get_if<Via>(&entry.second);
        return via != nullptr && via->device == device;
    });
}

void forget(Actual& actual, InterfaceIndex device) {
    flush(actual, device);
    std::erase_if(actual.addresses,
                  [&](const auto& entry) { return entry.first.device == device; });
    actual.links.erase(device);
}

}  // namespace detour::kernel::plan
