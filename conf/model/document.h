// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The YAML text as a tree in which every value knows where it stands. It is built from yaml-cpp's
// events and not from its nodes, which forget the position of what is missing, let the second of
// two equal keys win, and read 010 as 8: here scalars stay text. Anchors, aliases, tags and a
// second document are refused, so that a tree is never larger than its text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/model/diagnostic.h"

namespace detour::model {

// A configuration of a thousand prefixes has some 100 KiB.
inline constexpr std::size_t max_text_size = 1U << 20;

struct Node {
    enum class Kind : std::uint8_t {
        nothing,  // "key:", null, ~
        scalar,
        list,
        map,
        refused,  // already complained about: readers pass over it
    };

    struct Key {
        std::string text;
        Position position;
    };

    Kind kind = Kind::nothing;
    Position position = {};
    std::string text = {};         // scalar
    std::vector<Node> items = {};  // list; map: the values
    // Map: the key of each value, in the order of the text. One that came before is complained
    // about and not kept.
    std::vector<Key> keys = {};

    // The value of a map's key; null when it is not there.
    [[nodiscard]] const Node* find(std::string_view key) const;
};

// The text cut into lines, for excerpts.
class SourceText {
 public:
    SourceText(std::string_view text, std::string name);

    [[nodiscard]] const std::string& name() const { return name_; }
    // Without its line end; empty beyond the last.
    [[nodiscard]] std::string_view line(std::uint32_t number) const;
    // The place of a byte of a scalar's value. Where the value does not stand in the text as it
    // is (escapes, several lines), the place of the scalar.
    [[nodiscard]] Position inside(const Node& scalar, std::size_t offset) const;
    // A quote opens here that is not closed before the text ends.
    [[nodiscard]] bool has_open_quote(Position position) const;

 private:
    std::string text_;
    std::string name_;
    std::vector<std::size_t> line_starts_;
};

// What is wrong is appended to `diagnostics`. A text that cannot be read to its end as YAML gives a
// refused tree.
[[nodiscard]] Node read_document(std::string_view text, const SourceText& source,
                                 Diagnostics& diagnostics);

}  // namespace detour::model
