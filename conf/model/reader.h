// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the tree to values, one map at a time. A Section knows the keys that its map may have:
// others are complained about when it is made, with the key that was probably meant. Every value
// keeps its place, for the rules that look at it later. A value that cannot be read is complained
// about and then simply not there, so that reading goes on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/model/diagnostic.h"
#include "conf/model/document.h"
#include "conf/model/scalars.h"

namespace detour::model {

// Where a value stands: for the eye (position) and by name (path).
struct Place {
    Position position;
    std::string path;
};

template <class T>
struct Located {
    T value{};
    Place place;
};

// A value that was given and could be read. One that could not be read was complained about
// already: rules that miss a value look at was_given before they complain once more.
template <class T>
struct Given : std::optional<Located<T>> {
    using std::optional<Located<T>>::optional;
    using std::optional<Located<T>>::operator=;

    bool was_given = false;
};

// The items of a list that could be read, and whether any could not.
template <class T>
struct List : std::vector<Located<T>> {
    using std::vector<Located<T>>::vector;

    bool has_gaps = false;
};

// Collects what is wrong.
class Complaints {
 public:
    Complaints(const SourceText& source, Diagnostics& diagnostics)
        : source_(source), diagnostics_(diagnostics) {}

    void error(const Place& place, std::string message) const;
    void warning(const Place& place, std::string message) const;
    void note(const Place& place, std::string message) const;
    // An error at the byte of the scalar at which its reader stopped.
    void unreadable(const Node& scalar, const std::string& path, const ParseError& error) const;

 private:
    void add(Severity severity, const Place& place, std::string message) const;

    const SourceText& source_;
    Diagnostics& diagnostics_;
};

class Section {
 public:
    struct Child {
        const Node* node;
        Place place;
        std::string name = {};  // of a map's entry
    };

    // `node` is the map; anything else is complained about and read as an empty one. The node and
    // the complaints must outlive the section.
    Section(const Node& node, Place place, std::span<const std::string_view> keys,
            const Complaints& complaints);

    [[nodiscard]] const Place& place() const { return place_; }
    [[nodiscard]] const Complaints& complaints() const { return *complaints_; }
    // The file could be read as a map at all; otherwise missing keys are no news.
    [[nodiscard]] bool is_map() const { return node_ != nullptr; }

    // The value of a key as it stands, also when the key was only nearly written right; null when
    // it is not given or was refused.
    [[nodiscard]] const Node* child(std::string_view key) const;
    // The key is there, whatever it holds; in what is no map, every key might be.
    [[nodiscard]] bool has(std::string_view key) const;
    [[nodiscard]] Place place_of(std::string_view key) const;
    // Complains when the key is not given at all.
    void require(std::string_view key, std::string_view advice) const;

    template <class T>
    [[nodiscard]] Given<T> value(std::string_view key, Parsed<T> (*parse)(std::string_view)) const {
        Given<T> result;
        const Node* node = child(key);
        if (node != nullptr && is_scalar(*node, place_of(key)))
            result = read<T>(*node, place_of(key), parse);
        result.was_given = has(key);
        return result;
    }

    template <class T>
    [[nodiscard]] Given<T> required(std::string_view key, Parsed<T> (*parse)(std::string_view),
                                    std::string_view advice) const {
        require(key, advice);
        return value<T>(key, parse);
    }

    // A list of single values; those that cannot be read are left out.
    template <class T>
    [[nodiscard]] List<T> values(std::string_view key, Parsed<T> (*parse)(std::string_view)) const {
        List<T> result;
        const std::vector<Child> all = items(key);
        for (const Child& item : all)
            if (is_scalar(*item.node, item.place))
                if (auto value = read<T>(*item.node, item.place, parse))
                    result.push_back(std::move(*value));
        const Node* node = child(key);
        const bool is_list = node != nullptr && node->kind == Node::Kind::list;
        result.has_gaps = has(key) && (!is_list || result.size() < all.size());
        return result;
    }

    // The items of a list, or a complaint.
    [[nodiscard]] std::vector<Child> items(std::string_view key) const;
    // The entries of a map whose keys are names, or a complaint.
    [[nodiscard]] std::vector<Child> entries(std::string_view key) const;

 private:
    [[nodiscard]] bool is_scalar(const Node& node, const Place& place) const;

    template <class T>
    [[nodiscard]] std::optional<Located<T>> read(const Node& node, Place place,
                                                 Parsed<T> (*parse)(std::string_view)) const {
        auto parsed = parse(node.text);
        if (!parsed) {
            complaints_->unreadable(node, place.path, parsed.error());
            return std::nullopt;
        }
        return Located<T>{std::move(*parsed), std::move(place)};
    }

    [[nodiscard]] const Node* find(std::string_view key) const;

    const Node* node_;
    // Keys that were nearly written right, with their values: one slip is one complaint, not also
    // that the right key is missing.
    std::vector<std::pair<std::string_view, const Node*>> meant_;
    Place place_;
    const Complaints* complaints_;
};

}  // namespace detour::model
