// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/compose.h"

#include <algorithm>

namespace detour::mirror {

namespace {

// Walks the union in order (a covering prefix before what it covers), keeping the chain of covering
// prefixes as a stack; State is what a prefix hands down to those it covers.
template <class State>
class Descent {
 public:
    Descent(const Prefix& part, State outermost) { chain_.push_back({part, std::move(outermost)}); }

    // Leaves the prefixes that do not cover `prefix` and enters it with its parent's state.
    State& enter(const Prefix& prefix) {
        while (depth_ != 0 && !chain_[depth_].prefix.contains(prefix))
            --depth_;
        // The frames behind the top are kept for their memory.
        if (++depth_ == chain_.size())
            chain_.push_back({});
        chain_[depth_].prefix = prefix;
        chain_[depth_].state = chain_[depth_ - 1].state;
        return chain_[depth_].state;
    }
    [[nodiscard]] const State& parent() const { return chain_[depth_ - 1].state; }

 private:
    struct Frame {
        Prefix prefix;
        State state;
    };
    std::vector<Frame> chain_;
    std::size_t depth_ = 0;
};

// Per layer what its longest match says so far.
struct LayerState {
    bool is_active = true;
    Value value = no_answer;
};
struct State {
    std::vector<LayerState> layers;
    std::uint16_t tag = 0;
    Value answer = no_answer;
};

Value first_answer(const std::vector<LayerState>& layers) {
    for (const LayerState& layer : layers)
        if (layer.is_active && layer.value != no_answer)
            return layer.value;
    return no_answer;
}

// The next prefix of the union, if any: the least that some cursor points at.
template <class Cursors>
const Prefix* least(const Cursors& cursors) {
    const Prefix* next = nullptr;
    for (const auto& cursor : cursors)
        if (cursor.at != cursor.end && (next == nullptr || cursor.at->prefix < *next))
            next = &cursor.at->prefix;
    return next;
}

template <class Element>
struct Cursor {
    const Element* at;
    const Element* end;
};

template <class Element>
Cursor<Element> cursor(std::span<const Element> list) {
    return {list.data(), list.data() + list.size()};
}

// The prefixes within the part that layers are confined to, in order, each once.
std::vector<Tag> confinements(const Prefix& part, std::span<const Layer> layers) {
    std::vector<Tag> result;
    for (const Layer& layer : layers)
        if (layer.within && part.contains(*layer.within))
            result.push_back({*layer.within, 0});
    std::ranges::sort(result, {}, &Tag::prefix);
    const auto rest = std::ranges::unique(result, {}, &Tag::prefix);
    result.erase(rest.begin(), rest.end());
    return result;
}

// The tags within the part; those that cover it leave their mark in `outer`.
std::span<const Tag> tags_within(const Prefix& part, std::span<const Tag> tags,
                                 std::uint16_t& outer) {
    for (std::uint8_t length = 0; length < part.length(); ++length) {
        const Prefix covering(part.address(), length);
        const auto at = std::ranges::lower_bound(tags, covering, {}, &Tag::prefix);
        if (at != tags.end() && at->prefix == covering)
            outer = at->tag;
    }
    const auto first = std::ranges::lower_bound(tags, part, {}, &Tag::prefix);
    const auto last =
        std::find_if(first, tags.end(), [&](const Tag& tag) { return !part.contains(tag.prefix); });
    return {first, last};
}

}  // namespace

std::vector<Composed> compose(const Prefix& part, std::span<const Layer> layers,
                              std::span<const Tag> tags, std::uint16_t no_tag) {
    State outermost;
    outermost.tag = no_tag;
    const auto inner_tags = tags_within(part, tags, outermost.tag);
    std::vector<Cursor<Item>> items;
    std::size_t count = inner_tags.size() + 1;
    for (const Layer& layer : layers) {
        const bool is_active = !layer.within || layer.within->contains(part);
        outermost.layers.push_back({is_active, layer.inherited});
        items.push_back(cursor(std::span<const Item>(layer.items)));
        count += layer.items.size();
    }
    const auto edges = confinements(part, layers);
    std::array others{cursor(inner_tags), cursor(std::span<const Tag>(edges))};

    std::vector<Composed> result;
    result.reserve(count);
    // Enters the part itself first, whether or not anything stands there.
    Descent<State> descent(part, std::move(outermost));
    for (Prefix prefix = part;;) {
        State& state = descent.enter(prefix);
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (layers[i].within == prefix)
                state.layers[i].is_active = true;
            if (items[i].at != items[i].end && items[i].at->prefix == prefix)
                state.layers[i].value = (items[i].at++)->value;
        }
        if (others[0].at != others[0].end && others[0].at->prefix == prefix)
            state.tag = (others[0].at++)->tag;
        if (others[1].at != others[1].end && others[1].at->prefix == prefix)
            ++others[1].at;
        state.answer = first_answer(state.layers);
        const State& parent = descent.parent();
        if (result.empty() || state.answer != parent.answer ||
            (state.answer != no_answer && state.tag != parent.tag))
            result.push_back({prefix, state.answer, state.tag});

        const Prefix* next = least(items);
        if (const Prefix* other = least(others); other && (!next || *other < *next))
            next = other;
        if (next == nullptr)
            return result;
        prefix = *next;
    }
}

std::vector<Composed> compose_sources(Family family, std::span<const Item> items,
                                      std::span<const Tag> tags, std::uint16_t no_tag) {
    struct Ranked {
        Prefix prefix;
        std::size_t rank;
        Value value;
    };
    std::vector<Ranked> sorted;
    for (std::size_t rank = 0; rank < items.size(); ++rank)
        sorted.push_back({items[rank].prefix, rank, items[rank].value});
    std::ranges::sort(sorted, {},
                      [](const Ranked& one) { return std::pair(one.prefix, one.rank); });

    struct Best {
        std::size_t rank = SIZE_MAX;
        Value value = no_answer;
        std::uint16_t tag = 0;
    };
    std::array cursors{cursor(std::span<const Ranked>(sorted))};
    std::array tag_cursors{cursor(tags)};
    std::vector<Composed> result;
    Descent<Best> descent(Prefix::default_of(family), {SIZE_MAX, no_answer, no_tag});
    for (Prefix prefix = Prefix::default_of(family);;) {
        Best& best = descent.enter(prefix);
        for (auto& at = cursors[0].at; at != cursors[0].end && at->prefix == prefix; ++at)
            if (at->rank < best.rank) {
                best.rank = at->rank;
                best.value = at->value;
            }
        if (tag_cursors[0].at != tag_cursors[0].end && tag_cursors[0].at->prefix == prefix)
            best.tag = (tag_cursors[0].at++)->tag;
        const Best& parent = descent.parent();
        if (result.empty() || best.value != parent.value ||
            (best.value != no_answer && best.tag != parent.tag))
            result.push_back({prefix, best.value, best.tag});

        const Prefix* next = least(cursors);
        if (const Prefix* other = least(tag_cursors); other && (!next || *other < *next))
            next = other;
        if (next == nullptr)
            return result;
        prefix = *next;
    }
}

}  // namespace detour::mirror
