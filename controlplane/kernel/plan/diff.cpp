// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace detour::kernel::plan {
namespace {

// Desired without what somebody else's objects stand in the way of.
class Admission {
 public:
    Admission(const Desired& desired, const Actual& actual, std::vector<Conflict>& conflicts)
        : wanted_(desired), actual_(actual), conflicts_(conflicts) {}

    Desired admit() && {
        drop_foreign_links();
        drop_foreign_nexthops();
        return std::move(wanted_);
    }

 private:
    void drop_foreign_links();
    void drop_foreign_nexthops();

    Desired wanted_;
    const Actual& actual_;
    std::vector<Conflict>& conflicts_;
};

void Admission::drop_foreign_links() {
    std::erase_if(wanted_.links, [&](const auto& entry) {
        const LinkGoal& goal = entry.second;
        const Link* link = find(actual_.links, goal.name);
        if (!goal.tunnel || link == nullptr || link->is_ours || link->tunnel == goal.tunnel)
            return false;
        conflicts_.push_back({fmt::format(
            "link {} exists and is not the tunnel that the configuration describes", goal.name)});
        return true;
    });
}

void Admission::drop_foreign_nexthops() {
    const auto is_foreign = [&](NexthopId id) {
        const auto found = actual_.nexthops.find(id);
        return found != actual_.nexthops.end() && found->second.protocol != our_protocol;
    };
    for (auto& [id, nexthop] : wanted_.nexthops) {
        if (is_foreign(id))
            conflicts_.push_back({fmt::format("nexthop id {} belongs to protocol {}", id.value,
                                              actual_.nexthops.at(id).protocol)});
        if (auto* group = std::get_if<Group>(&nexthop.way))
            std::erase_if(group->members, is_foreign);
    }
    std::erase_if(wanted_.nexthops, [&](const auto& entry) {
        const Group* group = entry.second.group();
        return is_foreign(entry.first) || (group != nullptr && group->members.empty());
    });
    std::erase_if(wanted_.routes, [&](const auto& entry) {
        const auto* id = std::get_if<NexthopId>(&entry.second);
        return id != nullptr && !wanted_.nexthops.contains(*id);
    });
}

class Comparison {
 public:
    Comparison(const Desired& wanted, const Actual& actual, std::vector<Operation>& operations)
        : wanted_(wanted), actual_(actual), operations_(operations) {}

    void compare() && {
        put_links();
        put_addresses();
        find_moves();
        put_nexthops();
        put_routes();
        put_rules();
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

void Comparison::put_routes() {
    for (const auto& [key, way] : wanted_.routes) {
        const auto found = actual_.routes.find(key);
        const auto* id = std::get_if<NexthopId>(&way);
        if (found == actual_.routes.end())
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
    for (const auto& [key, way] : actual_.routes)
        if (!wanted_.routes.contains(key))
            add(Verb::remove, Route{key, way});
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

Difference diff(const Desired& desired, const Actual& actual) {
    Difference difference;
    const Desired wanted = Admission(desired, actual, difference.conflicts).admit();
    Comparison(wanted, actual, difference.operations).compare();
    return difference;
}

}  // namespace detour::kernel::plan
