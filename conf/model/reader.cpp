// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "conf/model/keys.h"

namespace detour::model {
namespace {

std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// Why a key is not known here, when no near one is.
std::string unknown_key(std::string_view key, std::span<const std::string_view> known) {
    for (const keys::Section& section : keys::sections)
        if (std::find(section.keys.begin(), section.keys.end(), key) != section.keys.end())
            return fmt::format("unknown key here; it belongs to {}", section.name);
    return fmt::format("unknown key; the keys here are {}", fmt::join(known, ", "));
}

std::string_view kind_name(Node::Kind kind) {
    return kind == Node::Kind::list  ? "a list"
           : kind == Node::Kind::map ? "a map"
                                     : "a single value";
}

}  // namespace

void Complaints::add(Severity severity, const Place& place, std::string message) const {
    diagnostics_.push_back({severity, source_.name(), place.position,
                            place.path.empty() ? "document" : place.path, std::move(message),
                            std::string(source_.line(place.position.line))});
}

void Complaints::error(const Place& place, std::string message) const {
    add(Severity::error, place, std::move(message));
}

void Complaints::warning(const Place& place, std::string message) const {
    add(Severity::warning, place, std::move(message));
}

void Complaints::note(const Place& place, std::string message) const {
    add(Severity::note, place, std::move(message));
}

void Complaints::unreadable(const Node& scalar, const std::string& path,
                            const ParseError& error) const {
    add(Severity::error, {source_.inside(scalar, error.offset), path}, error.message);
}

Section::Section(const Node& node, Place place, std::span<const std::string_view> keys,
                 const Complaints& complaints)
    : node_(node.kind == Node::Kind::map ? &node : nullptr),
      place_(std::move(place)),
      complaints_(&complaints) {
    if (node.kind == Node::Kind::refused)
        return;
    if (node_ == nullptr) {
        complaints_->error(
            place_, fmt::format("a map is wanted here, with the keys {}", fmt::join(keys, ", ")));
        return;
    }
    for (std::size_t i = 0; i < node_->keys.size(); ++i) {
        const auto& [key, position] = node_->keys[i];
        if (std::find(keys.begin(), keys.end(), key) != keys.end())
            continue;
        const Place where{position, join(place_.path, key)};
        const auto meant = nearest(key, keys);
        if (meant.empty()) {
            complaints_->error(where, unknown_key(key, keys));
            continue;
        }
        complaints_->error(where, fmt::format("unknown key; did you mean \"{}\"?", meant));
        meant_.emplace_back(meant, &node_->items[i]);
    }
}

const Node* Section::find(std::string_view key) const {
    if (node_ == nullptr)
        return nullptr;
    if (const Node* node = node_->find(key))
        return node;
    for (const auto& [meant, node] : meant_)
        if (meant == key)
            return node;
    return nullptr;
}

const Node* Section::child(std::string_view key) const {
    const Node* node = find(key);
    return node == nullptr || node->kind == Node::Kind::refused ? nullptr : node;
}

bool Section::has(std::string_view key) const {
    return node_ == nullptr || find(key) != nullptr;
}

Place Section::place_of(std::string_view key) const {
    const Node* node = find(key);
    return {node == nullptr ? place_.position : node->position, join(place_.path, key)};
}

void Section::require(std::string_view key, std::string_view advice) const {
    if (!has(key))
        complaints_->error(place_of(key), fmt::format("missing; {}", advice));
}

bool Section::is_scalar(const Node& node, const Place& place) const {
    if (node.kind == Node::Kind::scalar)
        return true;
    if (node.kind == Node::Kind::nothing)
        complaints_->error(place, "the value is missing");
    else if (node.kind != Node::Kind::refused)
        complaints_->error(
            place, fmt::format("a single value is wanted here, not {}", kind_name(node.kind)));
    return false;
}

std::vector<Section::Child> Section::items(std::string_view key) const {
    const Node* node = child(key);
    if (node == nullptr)
        return {};
    const Place place = place_of(key);
    if (node->kind != Node::Kind::list) {
        complaints_->error(place, node->kind == Node::Kind::scalar
                                      ? fmt::format("a list is wanted here; write [{}]", node->text)
                                      : "a list is wanted here, with - before each item or in [ ]");
        return {};
    }
    std::vector<Child> children;
    children.reserve(node->items.size());
    for (std::size_t i = 0; i < node->items.size(); ++i)
        children.push_back(
            {&node->items[i], {node->items[i].position, fmt::format("{}[{}]", place.path, i)}});
    return children;
}

std::vector<Section::Child> Section::entries(std::string_view key) const {
    const Node* node = child(key);
    if (node == nullptr)
        return {};
    const Place place = place_of(key);
    if (node->kind != Node::Kind::map) {
        complaints_->error(place, "a map is wanted here: a name, a colon, and what it stands for");
        return {};
    }
    std::vector<Child> children;
    children.reserve(node->items.size());
    for (std::size_t i = 0; i < node->items.size(); ++i) {
        const auto& [name, position] = node->keys[i];
        children.push_back({&node->items[i], {position, join(place.path, name)}, name});
    }
    return children;
}

}  // namespace detour::model
