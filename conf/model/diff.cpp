// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "conf/model/diff_effects.h"
#include "conf/model/effective.h"

namespace detour::model {
namespace {

using Settings = std::map<std::string, Setting>;

// Of an entry with a name ("ports.lan0"): its settings come and go with it. Empty for others.
std::string entry_of(const Setting& setting) {
    const std::string& section = setting.path.front();
    const bool is_named = section == "ports" || section == "uplinks" || section == "prefix-sets" ||
                          section == "overrides";
    return is_named && setting.path.size() > 2 ? section + "." + setting.path[1] : std::string();
}

Settings by_name(const Config& config) {
    Settings result;
    for (Setting& setting : effective(config)) {
        std::string name = setting.name();
        result.emplace(std::move(name), std::move(setting));
    }
    return result;
}

std::set<std::string> entries(const Settings& settings) {
    std::set<std::string> result;
    for (const auto& [name, setting] : settings)
        if (std::string entry = entry_of(setting); !entry.empty())
            result.insert(std::move(entry));
    return result;
}

// A list says only what came and what went.
void compare_lists(const Setting& before, const Setting& after, std::vector<Change>& changes) {
    const auto has = [](const Setting& setting, const std::string& value) {
        return std::ranges::find(setting.values, value) != setting.values.end();
    };
    const std::size_t count = changes.size();
    for (const std::string& value : before.values)
        if (!has(after, value))
            changes.push_back({Change::Kind::removed, before.name(), value, "", after.position});
    for (const std::string& value : after.values)
        if (!has(before, value))
            changes.push_back({Change::Kind::added, after.name(), "", value, after.position});
    if (changes.size() == count)  // another order, which can matter
        changes.push_back(
            {Change::Kind::changed, after.name(), before.text(), after.text(), after.position});
}

void compare(const Setting& before, const Setting& after, std::vector<Change>& changes) {
    if (before.values == after.values)
        return;
    if (after.shape != Setting::Shape::scalar)
        return compare_lists(before, after, changes);
    changes.push_back(
        {Change::Kind::changed, after.name(), before.text(), after.text(), after.position});
}

template <class Item>
std::string names(const std::vector<Item>& items) {
    std::vector<std::string> result;
    for (const Item& item : items)
        result.push_back(item.name);
    return fmt::format("{}", fmt::join(result, ", "));
}

// The order of uplinks is the order of preference; that of ports and sets means nothing.
void compare_preference(const Config& before, const Config& after, std::vector<Change>& changes) {
    std::vector<std::string> old_order;
    std::vector<std::string> new_order;
    for (const Uplink& uplink : before.uplinks)
        if (after.find_uplink(uplink.name) != nullptr)
            old_order.push_back(uplink.name);
    for (const Uplink& uplink : after.uplinks)
        if (before.find_uplink(uplink.name) != nullptr)
            new_order.push_back(uplink.name);
    if (old_order != new_order)
        changes.push_back(
            {Change::Kind::changed, "uplinks", names(before.uplinks), names(after.uplinks), {}});
}

std::vector<Change> changes_of(const Config& before, const Config& after) {
    const Settings old_settings = by_name(before);
    const std::set<std::string> old_entries = entries(old_settings);
    const std::vector<Setting> new_settings = effective(after);
    std::set<std::string> new_entries;
    std::set<std::string> seen;
    std::vector<Change> changes;
    compare_preference(before, after, changes);
    for (const Setting& setting : new_settings) {
        const std::string entry = entry_of(setting);
        seen.insert(setting.name());
        const bool is_first = !entry.empty() && new_entries.insert(entry).second;
        if (!entry.empty() && !old_entries.contains(entry)) {
            if (is_first)
                changes.push_back(
                    {Change::Kind::added, entry, "", setting.text(), setting.position});
            continue;
        }
        if (const auto old = old_settings.find(setting.name()); old != old_settings.end())
            compare(old->second, setting, changes);
        else
            changes.push_back(
                {Change::Kind::added, setting.name(), "", setting.text(), setting.position});
    }
    std::set<std::string> gone;
    for (const auto& [name, setting] : old_settings) {
        if (seen.contains(name))
            continue;
        const std::string entry = entry_of(setting);
        const bool is_whole = !entry.empty() && !new_entries.contains(entry);
        if (!is_whole)
            changes.push_back({Change::Kind::removed, name, setting.text(), "", {}});
        else if (gone.insert(entry).second)
            changes.push_back({Change::Kind::removed, entry, setting.text(), "", {}});
    }
    return changes;
}

bool holds(const std::vector<InterfaceAddress>& addresses, const Address& address) {
    return std::ranges::any_of(
        addresses, [&](const InterfaceAddress& each) { return each.address == address; });
}

// The interface a port takes from the kernel: "eth1" of "net_af_packet0,iface=eth1", and in kind
// kernel the device itself.
std::string_view interface_behind(const Port& port) {
    const std::string_view device = port.device;
    const auto start = device.find("iface=");
    if (start == device.npos)
        return device;
    const std::string_view rest = device.substr(start + 6);
    return rest.substr(0, rest.find(','));
}

bool takes(const Config& config, std::string_view interface) {
    return config.dataplane.kind == DataplaneKind::dpdk &&
           std::ranges::any_of(
               config.ports, [&](const Port& port) { return interface_behind(port) == interface; });
}

}  // namespace

bool Difference::is_heavy() const {
    return std::ranges::any_of(traffic, &TrafficChange::is_heavy) ||
           std::ranges::any_of(sessions, [](const SessionChange& session) {
               return session.kind != SessionChange::Kind::opened;
           });
}

Difference diff(const Config& before, const Config& after) {
    Difference result;
    result.changes = changes_of(before, after);
    if (result.changes.empty())
        return result;
    result.sessions = session_changes(before, after);
    result.traffic = traffic_changes(before, after);
    result.restarts = restarts(before, after);
    return result;
}

std::string cuts(const ManagementSession& session, const Config& before, const Config& after) {
    if (!session.interface.empty() && takes(after, session.interface) &&
        !takes(before, session.interface))
        return fmt::format("{} carries your session and would become a port of the data plane",
                           session.interface);
    for (const Port& port : before.ports) {
        if (!holds(port.addresses, session.server))
            continue;
        const Port* now = after.find_port(port.name);
        if (now == nullptr)
            return fmt::format("your session is on {} of port {}, which would be removed",
                               session.server.to_string(), port.name);
        if (!holds(now->addresses, session.server))
            return fmt::format("your session is on {}, which port {} would lose",
                               session.server.to_string(), port.name);
        if (now->device != port.device)
            return fmt::format("your session is on port {}, whose device would change", port.name);
    }
    for (const Address& end : {session.client, session.server}) {
        const PrefixSet* set = after.prefix_set_of(end);
        if (set != nullptr && before.prefix_set_of(end) == nullptr)
            return fmt::format(
                "{} of your session would lie in prefix set {} and be routed with it",
                end.to_string(), set->name);
    }
    return {};
}

}  // namespace detour::model
