// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/facts.h"

#include <fmt/format.h>

#include <algorithm>

namespace detour::kernel {
namespace {

Condition condition_of(const plan::Link* link) {
    if (link == nullptr)
        return Condition::absent;
    if (!link->is_up)
        return Condition::down;
    return link->has_carrier ? Condition::up : Condition::no_carrier;
}

std::string_view text(Condition condition) {
    switch (condition) {
        case Condition::absent:
            return "does not exist";
        case Condition::down:
            return "is down";
        case Condition::no_carrier:
            return "has no carrier";
        case Condition::up:
            return "is up, but the kernel has not taken its next hop";
    }
    return "?";
}

// The group and the route that names it, as the kernel holds them.
bool stands(const plan::Placed& placed, const plan::Place& place, const plan::Actual& actual) {
    const NexthopId id = plan::nexthop::of(placed.set, placed.family);
    const auto found = actual.nexthops.find(id);
    if (found == actual.nexthops.end() || found->second.protocol != plan::our_protocol)
        return false;
    std::set<NexthopId> members;
    for (const UplinkId uplink : place.uplinks)
        members.insert(plan::nexthop::of(uplink, placed.family));
    if (members.empty())
        members.insert(plan::nexthop::blackhole(placed.family));
    const plan::Group* group = found->second.group();
    if (group == nullptr || !std::ranges::equal(group->members, members))
        return false;
    const auto route = actual.routes.find(
        {plan::table::of(placed.set), Prefix::default_of(placed.family), plan::metric::normal});
    return route != actual.routes.end() && route->second == plan::RouteWay(id);
}

}  // namespace

std::string_view to_string(Cause cause) {
    switch (cause) {
        case Cause::configuration:
            return "configuration";
        case Cause::move:
            return "move";
        case Cause::link:
            return "link";
        case Cause::interference:
            return "interference";
        case Cause::audit:
            return "audit";
        case Cause::overrun:
            return "overrun";
        case Cause::retry:
            return "retry";
    }
    return "?";
}

void Facts::want(Instant now, const model::Config& config, const plan::Placement& placement) {
    std::map<plan::Placed, Wish> wishes;
    for (const model::PrefixSet& set : config.prefix_sets)
        for (const Family family : plan::families_of(set)) {
            const plan::Placed placed{set.id, family};
            const auto asked = placement.places.find(placed);
            const plan::Place place =
                asked == placement.places.end() ? plan::Place{} : asked->second;
            const auto before = wishes_.find(placed);
            wishes[placed] = before != wishes_.end() && before->second.place == place
                                 ? before->second
                                 : Wish{place, now};
        }
    wishes_ = std::move(wishes);

    std::map<std::pair<UplinkId, Family>, Gateway> gateways;
    uplink_devices_.clear();
    for (const model::Uplink& uplink : config.uplinks) {
        const std::string device = plan::device_name(config, uplink);
        uplink_devices_[uplink.id] = device;
        for (const Family family : families) {
            const auto address = plan::gateway(config, uplink, family);
            if (!address)
                continue;
            const auto before = gateways_.find({uplink.id, family});
            const bool is_same = before != gateways_.end() && before->second.address == *address;
            gateways[{uplink.id, family}] = {
                *address, device, is_same ? before->second.told : Neighbour::State::unknown};
        }
    }
    gateways_ = std::move(gateways);
}

void Facts::note(const Neighbour& neighbour, Presence presence) {
    const bool is_gateway = std::ranges::any_of(
        gateways_, [&](const auto& entry) { return entry.second.address == neighbour.address; });
    if (!is_gateway)
        return;
    if (presence == Presence::absent)
        neighbours_.erase({neighbour.device, neighbour.address});
    else
        neighbours_[{neighbour.device, neighbour.address}] = neighbour.state;
}

Outputs Facts::observe(Instant now, const plan::Desired& desired, const plan::Actual& actual,
                       Progress progress) {
    Outputs outputs;
    observe_devices(now, desired, actual, outputs);
    observe_gateways(now, actual, outputs);
    observe_places(now, actual, progress, outputs);
    return outputs;
}

void Facts::observe_devices(Instant now, const plan::Desired& desired, const plan::Actual& actual,
                            Outputs& outputs) {
    std::erase_if(devices_,
                  [&](const auto& entry) { return !desired.links.contains(entry.first); });
    for (const auto& [name, goal] : desired.links) {
        const plan::Link* link = plan::find(actual.links, name);
        Device seen;
        seen.condition = condition_of(link);
        if (link != nullptr) {
            seen.index = link->index;
            seen.is_ready = true;
            for (const plan::LinkAddress& address : desired.addresses) {
                if (address.device != link->index)
                    continue;
                const auto found = actual.addresses.find(address);
                seen.is_ready &= found != actual.addresses.end() && found->second.is_ready;
            }
        }
        const auto [told, is_new] = devices_.try_emplace(name, Device{});
        if (!is_new && told->second == seen)
            continue;
        told->second = seen;
        outputs.emplace_back(DeviceChanged{name, seen.index, seen.condition, seen.is_ready, now});
    }
}

void Facts::observe_gateways(Instant now, const plan::Actual& actual, Outputs& outputs) {
    for (auto& [key, gateway] : gateways_) {
        const plan::Link* link = plan::find(actual.links, gateway.device);
        auto state = Neighbour::State::unknown;
        // The kernel drops the neighbours of a link that goes down, without a word.
        if (link != nullptr && link->is_usable())
            if (const auto found = neighbours_.find({link->index, gateway.address});
                found != neighbours_.end())
                state = found->second;
        if (state == gateway.told)
            continue;
        gateway.told = state;
        outputs.emplace_back(GatewayChanged{key.first, key.second, state, now});
    }
}

void Facts::observe_places(Instant now, const plan::Actual& actual, Progress progress,
                           Outputs& outputs) {
    for (auto& [placed, wish] : wishes_) {
        if (stands(placed, wish.place, actual)) {
            if (wish.told != Wish::Told::stands)
                outputs.emplace_back(PlaceStands{placed, wish.place, now - wish.since});
            wish.told = Wish::Told::stands;
            continue;
        }
        if (wish.told == Wish::Told::stands)
            wish.since = now;
        if (wish.told == Wish::Told::waits || progress == Progress::outstanding) {
            if (wish.told == Wish::Told::stands)
                wish.told = Wish::Told::nothing;
            continue;
        }
        wish.told = Wish::Told::waits;
        std::string why;
        for (const UplinkId uplink : wish.place.uplinks) {
            const std::string& device = uplink_devices_[uplink];
            const auto condition = condition_of(plan::find(actual.links, device));
            const auto& nexthops = actual.nexthops;
            if (!nexthops.contains(plan::nexthop::of(uplink, placed.family)))
                why += fmt::format("{}{} {}", why.empty() ? "" : ", ", device, text(condition));
        }
        outputs.emplace_back(
            PlaceWaits{placed, wish.place, why.empty() ? "the kernel has not taken it yet" : why});
    }
}

}  // namespace detour::kernel
