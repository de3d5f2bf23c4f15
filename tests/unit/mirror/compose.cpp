// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/compose.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace detour;
using namespace detour::mirror;

namespace {

constexpr std::uint16_t untagged = 0xffff;

Prefix prefix(std::string_view text) {
    return *Prefix::parse(text);
}

template <class Element>
const Element* longest(const std::vector<Element>& list, const Address& address) {
    const Element* best = nullptr;
    for (const Element& one : list)
        if (one.prefix.contains(address) &&
            (best == nullptr || one.prefix.length() > best->prefix.length()))
            best = &one;
    return best;
}

// The definition: ask the layers in turn.
Value reference(const std::vector<Layer>& layers, const Address& address) {
    for (const Layer& layer : layers) {
        if (layer.within && !layer.within->contains(address))
            continue;
        const Item* match = longest(layer.items, address);
        if (match != nullptr && match->value != no_answer)
            return match->value;
    }
    return no_answer;
}

Address random_address(Family family, std::mt19937& random) {
    std::array<std::uint8_t, 16> octets{};
    for (auto& octet : octets)
        octet = static_cast<std::uint8_t>(random() % 4 * 85);
    return *Address::from_bytes(family, std::span(octets).first(bit_count(family) / 8U));
}

Prefix random_prefix(Family family, std::mt19937& random) {
    return {random_address(family, random),
            static_cast<std::uint8_t>(random() % (bit_count(family) + 1U))};
}

template <class Element>
void sort_unique(std::vector<Element>& list) {
    std::ranges::stable_sort(list, {}, &Element::prefix);
    const auto rest = std::ranges::unique(list, {}, &Element::prefix);
    list.erase(rest.begin(), rest.end());
}

std::vector<Layer> random_layers(Family family, std::mt19937& random) {
    std::vector<Layer> layers(1 + random() % 4);
    for (Layer& layer : layers) {
        for (std::size_t i = random() % 12; i != 0; --i)
            layer.items.push_back(
                {random_prefix(family, random), static_cast<Value>(random() % 5)});
        sort_unique(layer.items);
        if (random() % 3 == 0)
            layer.within = random_prefix(family, random);
    }
    return layers;
}

}  // namespace

TEST_CASE("a match without an answer sends the search to the next layer, not to a shorter match") {
    const std::vector<Layer> layers{
        {{{prefix("10.0.0.0/8"), 1}, {prefix("10.1.0.0/16"), no_answer}}},
        {{{prefix("0.0.0.0/0"), 2}}}};
    const auto composed = compose(prefix("0.0.0.0/0"), layers, {}, untagged);
    CHECK(longest(composed, *Address::parse("10.2.0.1"))->value == 1);
    CHECK(longest(composed, *Address::parse("10.1.0.1"))->value == 2);
    CHECK(longest(composed, *Address::parse("11.0.0.1"))->value == 2);
}

TEST_CASE("what says the same as its surroundings is left out") {
    const std::vector<Layer> layers{{{{prefix("0.0.0.0/0"), 1}, {prefix("10.0.0.0/8"), 1}}}};
    CHECK(compose(prefix("0.0.0.0/0"), layers, {}, untagged).size() == 1);
}

TEST_CASE("a tagged prefix splits its covering route, and only where there is an answer") {
    const std::vector<Layer> layers{{{{prefix("203.0.112.0/22"), 5}}}};
    const std::vector<Tag> tags{{prefix("198.51.100.0/24"), 0}, {prefix("203.0.113.0/24"), 1}};
    const auto composed = compose(prefix("0.0.0.0/0"), layers, tags, untagged);
    const auto* inside = longest(composed, *Address::parse("203.0.113.9"));
    CHECK(inside->value == 5);
    CHECK(inside->tag == 1);
    CHECK(longest(composed, *Address::parse("203.0.112.9"))->tag == untagged);
    CHECK(composed.size() == 3);  // the default without answer, the route, the set in it
}

TEST_CASE("random layers agree with asking them in turn, in whole and in part") {
    std::mt19937 random(3);
    for (const Family family : families)
        for (int round = 0; round < 300; ++round) {
            const auto layers = random_layers(family, random);
            std::vector<Tag> tags;
            for (std::size_t i = random() % 4; i != 0; --i)
                tags.push_back({random_prefix(family, random), static_cast<std::uint16_t>(i)});
            sort_unique(tags);
            const auto whole = compose(Prefix::default_of(family), layers, tags, untagged);
            CHECK(std::ranges::is_sorted(whole, {}, &Composed::prefix));

            const Prefix part = random_prefix(family, random);
            auto in_part = layers;
            for (Layer& layer : in_part) {
                const Item* covering = nullptr;
                for (const Item& item : layer.items)
                    if (item.prefix != part && item.prefix.contains(part))
                        covering = &item;
                layer.inherited = covering ? covering->value : no_answer;
                std::erase_if(layer.items,
                              [&](const Item& item) { return !part.contains(item.prefix); });
            }
            const auto partial = compose(part, in_part, tags, untagged);
            CHECK(partial.front().prefix == part);

            for (int i = 0; i < 30; ++i) {
                const Address address = random_address(family, random);
                const Composed* found = longest(whole, address);
                REQUIRE(found != nullptr);
                CHECK(found->value == reference(layers, address));
                const Tag* tag = longest(tags, address);
                if (found->value != no_answer)
                    CHECK(found->tag == (tag ? tag->tag : untagged));
                if (!part.contains(address))
                    continue;
                CHECK(longest(partial, address)->value == found->value);
                if (found->value != no_answer)
                    CHECK(longest(partial, address)->tag == found->tag);
            }
        }
}

TEST_CASE("of rules by source the first that covers a packet answers, however long its prefix") {
    const std::vector<Item> items{{prefix("10.0.0.0/8"), 1},
                                  {prefix("10.1.0.0/16"), 2},
                                  {prefix("0.0.0.0/0"), 3},
                                  {prefix("11.1.0.0/16"), 4}};
    const auto composed = compose_sources(Family::ipv4, items, {}, untagged);
    CHECK(longest(composed, *Address::parse("10.1.0.1"))->value == 1);
    CHECK(longest(composed, *Address::parse("11.1.0.1"))->value == 3);
    CHECK(longest(composed, *Address::parse("12.0.0.1"))->value == 3);
}

TEST_CASE("random rules by source agree with the first match") {
    std::mt19937 random(4);
    for (const Family family : families)
        for (int round = 0; round < 200; ++round) {
            std::vector<Item> items;
            for (std::size_t i = random() % 12; i != 0; --i)
                items.push_back(
                    {random_prefix(family, random), static_cast<Value>(1 + random() % 4)});
            const auto composed = compose_sources(family, items, {}, untagged);
            for (int i = 0; i < 30; ++i) {
                const Address address = random_address(family, random);
                const auto first = std::ranges::find_if(
                    items, [&](const Item& item) { return item.prefix.contains(address); });
                CHECK(longest(composed, address)->value ==
                      (first == items.end() ? no_answer : first->value));
            }
        }
}
