// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/succession.h"

#include <algorithm>
#include <utility>

namespace detour::model {
namespace {

// Which item of `after` stands at each place.
template <class Item, class Same>
std::vector<std::size_t> places(const std::vector<Item>& before, const std::vector<Item>& after,
                                Same same) {
    std::vector<std::optional<std::size_t>> at(after.size());
    std::vector<bool> is_placed(after.size());
    for (std::size_t i = 0; i < std::min(before.size(), at.size()); ++i) {
        const auto found =
            std::ranges::find_if(after, [&](const Item& item) { return same(item, before[i]); });
        if (found == after.end())
            continue;
        at[i] = static_cast<std::size_t>(found - after.begin());
        is_placed[*at[i]] = true;
    }
    std::vector<std::size_t> result;
    std::size_t next = 0;
    for (const auto& placed : at) {
        while (!placed && is_placed[next])
            ++next;
        result.push_back(placed ? *placed : next++);
    }
    return result;
}

template <class Item>
std::vector<Item> ordered(const std::vector<Item>& items, const std::vector<std::size_t>& order) {
    std::vector<Item> result;
    result.reserve(items.size());
    for (const std::size_t from : order) {
        result.push_back(items[from]);
        result.back().id =
            decltype(result.back().id)(static_cast<std::uint16_t>(result.size() - 1));
    }
    return result;
}

constexpr auto same_name = [](const auto& one, const auto& other) {
    return one.name == other.name;
};
constexpr auto same_address = [](const Target& one, const Target& other) {
    return one.address == other.address;
};

template <class Id, class Item, class Same>
std::vector<std::optional<Id>> new_ids(const std::vector<Item>& before,
                                       const std::vector<Item>& after, Same same) {
    std::vector<std::optional<Id>> result;
    for (const Item& old : before) {
        const auto found =
            std::ranges::find_if(after, [&](const Item& item) { return same(item, old); });
        result.push_back(found == after.end() ? std::nullopt : std::optional<Id>(found->id));
    }
    return result;
}

}  // namespace

Config keep_places(Config after, const Config& before) {
    const auto ports = places(before.ports, after.ports, same_name);
    std::vector<PortId> moved(ports.size());  // by the place in the file
    for (std::size_t i = 0; i < ports.size(); ++i)
        moved[ports[i]] = PortId(static_cast<std::uint16_t>(i));
    after.ports = ordered(after.ports, ports);
    for (Port& port : after.ports)
        if (port.parent)
            port.parent = moved.at(port.parent->value);
    for (Uplink& uplink : after.uplinks) {
        uplink.port = moved.at(uplink.port.value);
        if (uplink.underlay)
            uplink.underlay->port = moved.at(uplink.underlay->port.value);
    }
    after.prefix_sets =
        ordered(after.prefix_sets, places(before.prefix_sets, after.prefix_sets, same_name));
    after.detect.targets = ordered(
        after.detect.targets, places(before.detect.targets, after.detect.targets, same_address));
    return after;
}

Renumbering renumbering(const Config& before, const Config& after) {
    return {
        .uplinks = new_ids<UplinkId>(before.uplinks, after.uplinks, same_name),
        .sets = new_ids<PrefixSetId>(before.prefix_sets, after.prefix_sets, same_name),
        .targets = new_ids<TargetId>(before.detect.targets, after.detect.targets, same_address)};
}

}  // namespace detour::model
