// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/leaves.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "dataplane/mirror/resolve.h"

namespace detour::mirror {

namespace {

constexpr std::size_t number_limit = 0x10000;
// A freed number is used again only when so many have been freed after it.
constexpr std::size_t rest_count = 256;
constexpr fib::LeafIndex overflow_leaf = 1;

}  // namespace

Leaves::Leaves(Paths& paths) : paths_(&paths) {
    slots_.resize(2);
    slots_[fib::no_leaf] = LeafKey{};
    slots_[overflow_leaf] = LeafKey{value_of(Fixed::overflow), fib::no_set, {}, {}};
}

fib::LeafIndex Leaves::index(const LeafKey& key) {
    if (key.value == no_answer)
        return fib::no_leaf;
    const auto known = index_.find(key);
    if (known != index_.end())
        return known->second;
    fib::LeafIndex leaf = overflow_leaf;
    if (slots_.size() < number_limit && free_.size() < rest_count) {
        leaf = static_cast<fib::LeafIndex>(slots_.size());
        slots_.emplace_back();
    } else if (!free_.empty()) {
        leaf = free_.front();
        free_.pop_front();
    } else {
        return overflow_leaf;
    }
    slots_[leaf] = key;
    index_.emplace(key, leaf);
    if (const auto path = path_of(key.value))
        paths_->hold_for_leaf(*path);
    return leaf;
}

void Leaves::keep(const std::vector<char>& marked) {
    for (std::size_t i = overflow_leaf + 1; i < slots_.size(); ++i) {
        if (!slots_[i] || (i < marked.size() && marked[i] != 0))
            continue;
        if (const auto path = path_of(slots_[i]->value))
            paths_->release_for_leaf(*path);
        index_.erase(*slots_[i]);
        slots_[i].reset();
        free_.push_back(static_cast<fib::LeafIndex>(i));
    }
}

bool Adjacencies::Less::operator()(const fib::Adjacency& a, const fib::Adjacency& b) const {
    return std::memcmp(&a, &b, sizeof a) < 0;
}

Adjacencies::Adjacencies() {
    fib::Adjacency no_route;
    no_route.verb = fib::Verb::punt;
    no_route.reason = static_cast<std::uint8_t>(packet::Punt::no_route);
    index(no_route, 0);
}

std::uint16_t Adjacencies::allocate(Slot slot) {
    std::uint16_t number = 0;
    if (slots_.size() < number_limit && free_.size() < rest_count) {
        number = static_cast<std::uint16_t>(slots_.size());
        slots_.emplace_back();
    } else if (!free_.empty()) {
        number = free_.front();
        free_.pop_front();
    } else {
        return 0;  // as many next hops as numbers: the rest is the kernel's
    }
    slots_[number] = std::move(slot);
    slots_[number].is_used = slots_[number].is_marked = true;
    ++count_;
    return number;
}

std::uint16_t Adjacencies::index(const fib::Adjacency& adjacency, std::uint16_t hint) {
    std::uint16_t number = hint;
    const bool is_same = hint < slots_.size() && slots_[hint].is_used &&
                         slots_[hint].buckets.empty() &&
                         std::memcmp(&slots_[hint].adjacency, &adjacency, sizeof adjacency) == 0;
    if (!is_same) {
        const auto known = index_.find(adjacency);
        if (known == index_.end()) {
            number = allocate({adjacency, {}, true, true});
            if (number != 0 || count_ == 1)
                index_.emplace(adjacency, number);
            return number;
        }
        number = known->second;
    }
    slots_[number].is_marked = true;
    return number;
}

std::uint16_t Adjacencies::group_index(const std::vector<std::uint16_t>& buckets) {
    const auto known = groups_.find(buckets);
    if (known != groups_.end()) {
        slots_[known->second].is_marked = true;
        return known->second;
    }
    fib::Adjacency group;
    group.verb = fib::Verb::group;
    group.reason = 0;
    group.group_size = static_cast<std::uint16_t>(buckets.size());
    const std::uint16_t number = allocate({group, buckets, true, true});
    if (number != 0)
        groups_.emplace(buckets, number);
    return number;
}

void Adjacencies::begin() {
    for (Slot& slot : slots_)
        slot.is_marked = false;
    slots_[0].is_marked = true;
}

void Adjacencies::sweep() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (!slot.is_used || slot.is_marked)
            continue;
        if (slot.buckets.empty())
            index_.erase(slot.adjacency);
        else
            groups_.erase(slot.buckets);
        slot = {};
        --count_;
        free_.push_back(static_cast<std::uint16_t>(i));
    }
}

void Adjacencies::store(fib::ForwardingState& state) const {
    state.adjacencies.resize(slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        fib::Adjacency& adjacency = state.adjacencies[i] = slots_[i].adjacency;
        if (slots_[i].buckets.empty())
            continue;
        adjacency.group = static_cast<std::uint16_t>(state.buckets.size());
        state.buckets.insert(state.buckets.end(), slots_[i].buckets.begin(),
                             slots_[i].buckets.end());
    }
}

std::vector<std::uint16_t> weighted_buckets(
    std::span<const std::pair<std::uint16_t, std::uint16_t>> member_weights) {
    constexpr std::uint32_t bucket_limit = 128;
    std::uint32_t divisor = 0;
    std::uint32_t total = 0;
    for (const auto& [member, weight] : member_weights) {
        divisor = std::gcd(divisor, std::uint32_t{weight});
        total += weight;
    }
    std::vector<std::uint16_t> buckets;
    for (const auto& [member, weight] : member_weights) {
        std::uint32_t share = weight / std::max(divisor, 1U);
        if (total / std::max(divisor, 1U) > bucket_limit)
            share = std::max(1U, weight * bucket_limit / total);
        buckets.insert(buckets.end(), share, member);
    }
    return buckets;
}

}  // namespace detour::mirror
