// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "conf/model/keys.h"
#include "conf/types/wall_time.h"

namespace detour::model {
namespace {

constexpr std::size_t max_overrides = 32;  // each state that they come to is judged
constexpr std::chrono::days long_time{90};

// Keys that may be overridden, by section. What they change is taken as it runs: no session is
// opened with it, no packet is forwarded by it.
constexpr std::array<std::string_view, 1> of_router{"mode"};
constexpr std::array<std::string_view, 6> of_detect{
    "profile", "probe-limit", "forgiven-gap", "start-up-grace", "link-up-grace", "armed-age"};
constexpr std::array<std::string_view, 2> of_uplink{"limit", "bgp.max-prefixes"};

constexpr std::string_view what_can =
    "what can be overridden: router.mode, detect.* but targets, policy.*, uplinks.NAME.limit and "
    "uplinks.NAME.bgp.max-prefixes";

using Path = std::vector<std::string_view>;

// A path that can be overridden, cut into keys; empty: it cannot. A name may have dots of its own.
Path cut(std::string_view path) {
    const auto dot = path.find('.');
    if (dot == path.npos)
        return {};
    const std::string_view section = path.substr(0, dot);
    const std::string_view rest = path.substr(dot + 1);
    const auto is_among = [rest](std::span<const std::string_view> keys) {
        return std::ranges::find(keys, rest) != keys.end();
    };
    if ((section == "router" && is_among(of_router)) ||
        (section == "detect" && is_among(of_detect)) ||
        (section == "policy" && is_among(keys::policy)))
        return {section, rest};
    if (section != "uplinks")
        return {};
    for (const std::string_view key : of_uplink) {
        if (rest.size() < key.size() + 2 || !rest.ends_with(key) ||
            rest[rest.size() - key.size() - 1] != '.')
            continue;
        const std::string_view name = rest.substr(0, rest.size() - key.size() - 1);
        const auto inner = key.find('.');
        return inner == key.npos ? Path{section, name, key}
                                 : Path{section, name, key.substr(0, inner), key.substr(inner + 1)};
    }
    return {};
}

// The path that was probably meant; empty: none is near.
std::string meant(std::string_view path) {
    std::vector<std::string> paths{"router.mode"};
    for (const auto key : of_detect)
        paths.push_back(fmt::format("detect.{}", key));
    for (const auto key : keys::policy)
        paths.push_back(fmt::format("policy.{}", key));
    const std::vector<std::string_view> choices(paths.begin(), paths.end());
    return std::string(nearest(path, choices));
}

// Why the value cannot be put there; empty: it can.
std::string fault_of(const Node& document, std::string_view path) {
    const Path keys = cut(path);
    if (keys.empty()) {
        const std::string near = meant(path);
        return near.empty() ? fmt::format("cannot be overridden; {}", what_can)
                            : fmt::format("cannot be overridden; did you mean \"{}\"?", near);
    }
    if (keys.front() != "uplinks")
        return {};
    const Node* node = document.find("uplinks");
    for (std::size_t i = 1; i + 1 < keys.size(); ++i) {
        node = node == nullptr ? nullptr : node->find(keys[i]);
        if (node == nullptr)
            return i == 1 ? fmt::format("there is no uplink {}", keys[1])
                          : fmt::format("uplink {} has no {}", keys[1], keys[i]);
    }
    return {};
}

void read_values(const Section& section, const Node& document, OverrideDraft& draft) {
    const Complaints& complaints = section.complaints();
    for (const Section::Child& child : section.entries("set")) {
        if (std::string fault = fault_of(document, child.name); !fault.empty())
            complaints.error(child.place, std::move(fault));
        else
            draft.values.push_back({child.name, child.place, child.node});
    }
    const Node* node = section.child("set");
    if (node != nullptr && node->kind == Node::Kind::map && node->items.empty())
        complaints.error(section.place_of("set"), "nothing is set; remove the override");
}

void check_time(const OverrideDraft& draft, WallTime now, const Complaints& complaints) {
    if (!draft.until)
        return;
    const auto& [until, place] = *draft.until;
    if (until <= now)
        complaints.warning(place, "is over: what it set does not hold any more; remove it");
    else if (until - now > long_time)
        complaints.warning(place,
                           fmt::format("holds for {} days: what is to stay belongs in its "
                                       "own place",
                                       std::chrono::floor<std::chrono::days>(until - now).count()));
}

// Two that are not over may not set the same: which one holds would be a riddle.
void check_conflicts(std::span<const OverrideDraft> drafts, WallTime now,
                     const Complaints& complaints) {
    std::map<std::string, std::string> setters;
    for (const OverrideDraft& draft : drafts) {
        if (!draft.is_in_force(now))
            continue;
        for (const OverrideDraft::Value& value : draft.values)
            if (const auto [first, is_new] = setters.emplace(value.path, draft.name); !is_new)
                complaints.error(
                    value.place,
                    fmt::format("override {} sets it too; end one of them", first->second));
    }
}

// The map's value of the key, made when it is not there.
Node& descend(Node& map, std::string_view key, Position position) {
    for (std::size_t i = 0; i < map.keys.size(); ++i)
        if (map.keys[i].text == key)
            return map.items[i];
    if (map.kind == Node::Kind::nothing)
        map.kind = Node::Kind::map;
    map.keys.push_back({std::string(key), position});
    map.items.push_back({.kind = Node::Kind::nothing, .position = position});
    return map.items.back();
}

}  // namespace

bool can_be_overridden(std::string_view path) {
    return !cut(path).empty();
}

std::vector<OverrideDraft> read_overrides(const Node& document, WallTime now,
                                          const Complaints& complaints) {
    const Node* node = document.find("overrides");
    if (node == nullptr || node->kind == Node::Kind::refused)
        return {};
    const Place place{node->position, "overrides"};
    if (node->kind != Node::Kind::map) {
        complaints.error(place, "a map is wanted here: a name, a colon, and what it stands for");
        return {};
    }
    std::vector<OverrideDraft> drafts;
    for (std::size_t i = 0; i < node->items.size() && i < max_overrides; ++i) {
        const auto& [name, position] = node->keys[i];
        const Place own{position, fmt::format("overrides.{}", name)};
        const Section section(node->items[i], own, keys::temporary, complaints);
        OverrideDraft draft;
        draft.name = name;
        draft.place = own;
        draft.owner = section.required("owner", parse_text, "say who answers for it");
        draft.reason = section.value("reason", parse_text);
        draft.until = section.required("until", parse_wall_time,
                                       "say when it ends: until: 2026-11-22T06:00Z");
        section.require("set", "say what it sets: set: {policy.fail-back: manual}");
        read_values(section, document, draft);
        check_time(draft, now, complaints);
        drafts.push_back(std::move(draft));
    }
    if (node->items.size() > max_overrides)
        complaints.error({node->keys[max_overrides].position, "overrides"},
                         fmt::format("more than {} overrides", max_overrides));
    check_conflicts(drafts, now, complaints);
    return drafts;
}

Node with_overrides(Node document, std::span<const OverrideDraft> overrides, WallTime time) {
    for (const OverrideDraft& draft : overrides) {
        if (!draft.is_in_force(time))
            continue;
        for (const OverrideDraft::Value& value : draft.values) {
            Node* at = &document;
            for (const std::string_view key : cut(value.path))
                at = &descend(*at, key, value.place.position);
            *at = *value.node;
        }
    }
    return document;
}

std::vector<Override> assemble(std::span<const OverrideDraft> drafts, WallTime now) {
    std::vector<Override> overrides;
    for (const OverrideDraft& draft : drafts) {
        Override override{.name = draft.name,
                          .owner = draft.owner->value,
                          .reason = {},
                          .until = draft.until->value,
                          .values = {},
                          .is_in_force = draft.is_in_force(now),
                          .position = draft.place.position};
        if (draft.reason)
            override.reason = draft.reason->value;
        for (const OverrideDraft::Value& value : draft.values)
            override.values.emplace(value.path, value.node->text);
        overrides.push_back(std::move(override));
    }
    return overrides;
}

std::optional<WallTime> next_end(const Config& config, WallTime now) {
    std::optional<WallTime> next;
    for (const Override& override : config.overrides)
        if (now < override.until && (!next || override.until < *next))
            next = override.until;
    return next;
}

bool is_stale(const Config& config, WallTime now) {
    return std::ranges::any_of(config.overrides, [now](const Override& override) {
        return override.is_in_force != (now < override.until);
    });
}

}  // namespace detour::model
