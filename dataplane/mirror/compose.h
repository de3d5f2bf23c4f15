// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Several tables that are asked in turn, as one: pure prefix arithmetic over numbers. For an
// address whose longest prefix in the union is Q, every table's longest match is at Q or above it,
// so the value at each Q of the union decides all addresses; it is the first table's, in order,
// whose longest match is an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "conf/types/prefix.h"

namespace detour::mirror {

using Value = std::uint32_t;
inline constexpr Value no_answer = 0;

struct Item {
    Prefix prefix;
    Value value = no_answer;  // no_answer: a match that sends the search to the next layer
};

// A table as a step sees it, of the part that is composed: what lies in the part, in order, each
// prefix once, and what the longest match that covers all of it says.
struct Layer {
    std::vector<Item> items;
    std::optional<Prefix> within = {};  // asked for addresses in here only
    Value inherited = no_answer;
};

// A value and the tag of the innermost tagged prefix.
struct Composed {
    Prefix prefix;
    Value value = no_answer;
    std::uint16_t tag = 0;
};

struct Tag {
    Prefix prefix;
    std::uint16_t tag = 0;
};

// The part itself first; then, in order of prefixes, where value or tag differ from the covering
// prefix's. `tags` in order, each prefix once; untagged is `no_tag`.
[[nodiscard]] std::vector<Composed> compose(const Prefix& part, std::span<const Layer> layers,
                                            std::span<const Tag> tags, std::uint16_t no_tag);

// Rules by source: for each prefix of the union the value of the first item (in the order given)
// that covers it, the default first. Items without an answer must be left out.
[[nodiscard]] std::vector<Composed> compose_sources(Family family, std::span<const Item> items,
                                                    std::span<const Tag> tags,
                                                    std::uint16_t no_tag);

}  // namespace detour::mirror
