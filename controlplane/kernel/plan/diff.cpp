// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace detour::kernel::plan {
namespace {

bool is_foreign(const Actual& actual, NexthopId id) {
    const auto found = actual.nexthops.find(id);
    return found != actual.nexthops.end() && found->second.protocol != our_protocol;
}

bool is_foreign(const Actual& actual, const LinkGoal& goal) {
    const Link* link = goal.tunnel ? find(actual.links, goal.name) : nullptr;
    return link != nullptr && !link->is_ours && link->tunnel != goal.tunnel;
}

std::vector<Conflict> conflicts_between(const Desired& desired, const Actual& actual) {
    std::vector<Conflict> conflicts;
    for (const auto& [name, goal] : desired.links)
        if (is_foreign(actual, goal))
            conflicts.push_back({fmt::format(
                "link {} exists and is not the tunnel that the configuration describes", name)});
    for (const auto& [id, nexthop] : desired.nexthops)
        if (is_foreign(actual, id))
            conflicts.push_back({fmt::format("nexthop id {} belongs to protocol {}", id.value,
                                             actual.nexthops.at(id).protocol)});
    return conflicts;
}

// Desired without what somebody else's objects stand in the way of.
Desired without_conflicts(Desired wanted, const Actual& actual) {
    std::erase_if(wanted.links,
                  [&](const auto& entry) { return is_foreign(actual, entry.second); });
    for (auto& [id, nexthop] : wanted.nexthops)
        if (auto* group = std::get_if<Group>(&nexthop.way))
            std::erase_if(group->members,
                          [&](NexthopId member) { return is_foreign(actual, member); });
    std::erase_if(wanted.nexthops, [&](const auto& entry) {
        const Group* group = entry.second.group();
        return is_foreign(actual, entry.first) || (group != nullptr && group->members.empty());
    });
    std::erase_if(wanted.routes, [&](const auto& entry) {
        const auto* id = std::get_if<NexthopId>(&entry.second);
        return id != nullptr && !wanted.nexthops.contains(*id);
    });
    return wanted;
}

class Comparison {
 public:
    Comparison(const Desired& wanted, const Actual& actual, std::vector<Operation>& operations)
        : wanted_(wanted), actual_(actual), operations_(operations) {}

    void compare(Extent extent) && {
        put_links();
        put_addresses();
        find_moves();
        put_nexthops();
        put_routes();
        put_rules();
        if (extent == Extent::part)
            return;
        remove_rules();
        remove_routes();
        remove_nexthops();
        remove_addresses();
        remove_links();
    }

 private:
    void put_links();
    void put_addresses();
    void find_moves();
    void put_nexthops();
    void put_nexthop(const Nexthop& nexthop);
    void put_routes();
    void put_rules();
    void remove_rules();
    void remove_routes();
    void remove_nexthops();
    void remove_addresses();
    void remove_links();

    template <class Object>
    void add(Verb verb, Object object) {
        operations_.push_back({verb, std::move(object)});
    }

    const Desired& wanted_;
    const Actual& actual_;
    std::vector<Operation>& operations_;
    std::set<NexthopId> moved_;     // groups that change
    std::set<NexthopId> restated_;  // their members
};

void Comparison::put_links() {
    for (const auto& [name, goal] : wanted_.links) {
        const Link* link = find(actual_.links, name);
        if (link != nullptr && goal.tunnel && link->tunnel != goal.tunnel) {
            // The kernel changes neither port nor key of a gre link in place.
            add(Verb::remove, LinkGoal{link->index, name, {}, {}, link->tunnel});
            link = nullptr;
        }
        if (link == nullptr) {
            if (goal.tunnel)
                add(Verb::create, goal);
            continue;
        }
        LinkChange change{link->index, name, {}, {}, LinkChange::Raise::no};
        if (goal.group && *goal.group != link->group)
            change.group = goal.group;
        if (goal.mtu && *goal.mtu != link->mtu)
            change.mtu = goal.mtu;
        if (!link->is_up)
            change.raise = LinkChange::Raise::yes;
        if (change != LinkChange{link->index, name, {}, {}, LinkChange::Raise::no})
            add(Verb::replace, change);
    }
}

void Comparison::put_addresses() {
    for (const LinkAddress& address : wanted_.addresses)
        if (!actual_.addresses.contains(address))
            add(Verb::create, address);
}

void Comparison::find_moves() {
    for (const auto& [id, nexthop] : wanted_.nexthops) {
        const Group* group = nexthop.group();
        if (group == nullptr)
            continue;
        const auto found = actual_.nexthops.find(id);
        if (found != actual_.nexthops.end() && found->second.way == nexthop.way)
            continue;
        moved_.insert(id);
        restated_.insert(group->members.begin(), group->members.end());
    }
}

void Comparison::put_nexthop(const Nexthop& nexthop) {
    const auto found = actual_.nexthops.find(nexthop.id);
    if (found == actual_.nexthops.end()) {
        add(Verb::create, nexthop);
        return;
    }
    const bool is_same = found->second.way == nexthop.way;
    if (is_same && !restated_.contains(nexthop.id))
        return;
    // A group cannot replace a plain next hop, nor the other way round.
    if ((found->second.group() == nullptr) == (nexthop.group() == nullptr)) {
        add(Verb::replace, nexthop);
        return;
    }
    add(Verb::remove, found->second);
    add(Verb::create, nexthop);
}

void Comparison::put_nexthops() {
    for (const auto& [id, nexthop] : wanted_.nexthops)
        if (nexthop.group() == nullptr)
            put_nexthop(nexthop);
    for (const auto& [id, nexthop] : wanted_.nexthops)
        if (nexthop.group() != nullptr)
            put_nexthop(nexthop);
}

// Both are in the same order, and long: side by side.
void Comparison::put_routes() {
    auto found = actual_.routes.begin();
    for (const auto& [key, way] : wanted_.routes) {
        while (found != actual_.routes.end() && found->first < key)
            ++found;
        const auto* id = std::get_if<NexthopId>(&way);
        if (found == actual_.routes.end() || found->first != key)
            add(Verb::create, Route{key, way});
        else if (found->second != way || (id != nullptr && moved_.contains(*id)))
            add(Verb::replace, Route{key, way});
    }
}

void Comparison::put_rules() {
    for (const Rule& rule : wanted_.rules)
        if (!actual_.rules.contains(rule))
            add(Verb::create, rule);
}

void Comparison::remove_rules() {
    for (const auto& [rule, protocol] : actual_.rules)
        if (protocol == our_protocol && !wanted_.rules.contains(rule))
            add(Verb::remove, rule);
}

void Comparison::remove_routes() {
    auto wanted = wanted_.routes.begin();
    for (const auto& [key, way] : actual_.routes) {
        while (wanted != wanted_.routes.end() && wanted->first < key)
            ++wanted;
        if (wanted == wanted_.routes.end() || wanted->first != key)
            add(Verb::remove, Route{key, way});
    }
}

void Comparison::remove_nexthops() {
    const auto remove = [&](bool (*is_due)(const Nexthop&)) {
        for (const auto& [id, nexthop] : actual_.nexthops)
            if (nexthop.protocol == our_protocol && !wanted_.nexthops.contains(id) &&
                is_due(nexthop))
                add(Verb::remove, nexthop);
    };
    remove([](const Nexthop& nexthop) { return nexthop.group() != nullptr; });
    remove([](const Nexthop& nexthop) { return nexthop.group() == nullptr; });
}

void Comparison::remove_addresses() {
    for (const auto& [address, state] : actual_.addresses)
        if (state.protocol == our_protocol && !wanted_.addresses.contains(address))
            add(Verb::remove, address);
}

void Comparison::remove_links() {
    for (const auto& [index, link] : actual_.links) {
        const auto goal = wanted_.links.find(link.name);
        const bool is_wanted = goal != wanted_.links.end();
        if (link.is_ours && (!is_wanted || !goal->second.tunnel))
            add(Verb::remove, LinkGoal{index, link.name, {}, {}, link.tunnel});
        else if (link.group == uplink_group && (!is_wanted || !goal->second.group))
            add(Verb::replace, LinkChange{index, link.name, 0, {}, LinkChange::Raise::no});
    }
}

}  // namespace

Difference diff(const Desired& desired, const Actual& actual, Extent extent) {
    Difference difference;
    difference.conflicts = conflicts_between(desired, actual);
    if (difference.conflicts.empty())
        Comparison(desired, actual, difference.operations).compare(extent);
    else
        Comparison(without_conflicts(desired, actual), actual, difference.operations)
            .compare(extent);
    return difference;
}

}  // namespace detour::kernel::plan
