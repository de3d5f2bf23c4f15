// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/versions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <functional>
#include <string>

namespace detour::model {
namespace {

struct FoundMap {
    Node* map;
    std::string path;
};

std::string joined(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// The maps that a section like "uplinks.*.bgp" names.
std::vector<FoundMap> maps(Node& document, std::string_view section) {
    std::vector<FoundMap> found{{&document, ""}};
    while (!section.empty()) {
        const std::string_view key = section.substr(0, section.find('.'));
        section.remove_prefix(std::min(key.size() + 1, section.size()));
        std::vector<FoundMap> deeper;
        for (const FoundMap& each : found)
            for (std::size_t i = 0; i < each.map->keys.size(); ++i)
                if (key == "*" || each.map->keys[i].text == key)
                    deeper.push_back(
                        {&each.map->items[i], joined(each.path, each.map->keys[i].text)});
        found = std::move(deeper);
    }
    std::erase_if(found, [](const FoundMap& each) { return each.map->kind != Node::Kind::map; });
    return found;
}

std::optional<std::size_t> index_of(const Node& map, std::string_view key) {
    const auto at = std::ranges::find(map.keys, key, &Node::Key::text);
    return at == map.keys.end() ? std::nullopt
                                : std::optional(static_cast<std::size_t>(at - map.keys.begin()));
}

}  // namespace

void Rewriting::say(const Place& place, std::string_view what) const {
    complaints_.note(place, fmt::format("version {} -> {}: {}", of_, to_, what));
}

void Rewriting::rename(std::string_view section, std::string_view key,
                       std::string_view new_name) const {
    for (const FoundMap& each : maps(document_, section)) {
        const auto at = index_of(*each.map, key);
        if (!at)
            continue;
        Node::Key& name = each.map->keys[*at];
        say({name.position, joined(each.path, key)}, fmt::format("is called {} now", new_name));
        name.text = new_name;
    }
}

void Rewriting::keep_default(std::string_view section, std::string_view key,
                             std::string_view value) const {
    if (section.find('*') == section.npos && section.find('.') == section.npos &&
        !section.empty() && !index_of(document_, section)) {
        document_.keys.push_back({std::string(section), document_.position});
        document_.items.push_back({.kind = Node::Kind::map, .position = document_.position});
    }
    for (const FoundMap& each : maps(document_, section)) {
        if (index_of(*each.map, key))
            continue;
        const Position position = each.map->position;
        each.map->keys.push_back({std::string(key), position});
        each.map->items.push_back(
            {.kind = Node::Kind::scalar, .position = position, .text = std::string(value)});
        say({position, joined(each.path, key)},
            fmt::format("has another default now; for this file it stays {}", value));
    }
}

void Rewriting::drop(std::string_view section, std::string_view key, std::string_view why) const {
    for (const FoundMap& each : maps(document_, section)) {
        const auto at = index_of(*each.map, key);
        if (!at)
            continue;
        say({each.map->keys[*at].position, joined(each.path, key)},
            fmt::format("means nothing any more: {}", why));
        each.map->keys.erase(each.map->keys.begin() + static_cast<std::ptrdiff_t>(*at));
        each.map->items.erase(each.map->items.begin() + static_cast<std::ptrdiff_t>(*at));
    }
}

// There is one version so far, and so no step.
const Versions& versions() {
    static const Versions ours{.current = 1, .steps = {}};
    return ours;
}

std::string what_is_read(const Versions& versions) {
    return versions.current == 1
               ? "this detour reads version: 1"
               : fmt::format("this detour reads version: {}, and those before", versions.current);
}

void upgrade(Node& document, const Versions& versions, const Complaints& complaints) {
    assert(versions.steps.size() == versions.current - 1);
    const std::string known = what_is_read(versions);
    if (document.kind != Node::Kind::map)
        return;
    const auto at = index_of(document, "version");
    if (!at)
        return;  // the reader misses it
    Node& node = document.items[*at];
    const Place place{node.position, "version"};
    if (node.kind == Node::Kind::nothing)
        return complaints.error(place, "the value is missing");
    if (node.kind != Node::Kind::scalar)
        return complaints.error(place, known);
    const auto number = parse_number(node.text, 1, 1'000'000, "a version");
    if (!number)
        return complaints.error(place, known);
    if (*number > versions.current)
        return complaints.error(
            place, fmt::format("this file is of a later version than this detour reads (version: "
                               "{}); a newer detour reads it",
                               versions.current));
    node.text = std::to_string(versions.current);
    for (auto of = static_cast<unsigned>(*number); of < versions.current; ++of) {
        const VersionStep& step = versions.steps[of - 1];
        assert(step.to == of + 1);
        step.rewrite(Rewriting(document, of, step.to, complaints));
    }
}

}  // namespace detour::model
