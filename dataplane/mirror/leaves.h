// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The numbers that tables and packets carry. A leaf is an answer under one prefix set; an adjacency
// is a next hop. Both keep their number as long as anything refers to them, so that a table
// survives any change of next hop and counters mean the same from one snapshot to the next; a freed
// number waits behind all other free ones before it is used again.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/compose.h"
#include "dataplane/mirror/kernel_state.h"

namespace detour::mirror {

struct LeafKey {
    Value value = no_answer;
    std::uint16_t set = fib::no_set;
    InterfaceIndex link;  // with `host`: a neighbour on a connected route
    std::optional<Address> host;

    friend auto operator<=>(const LeafKey&, const LeafKey&) = default;
};

class Leaves {
 public:
    // Holds the paths that its leaves name; `paths` must outlive it.
    explicit Leaves(Paths& paths);

    // The leaf's number, new or known; the overflow leaf when all numbers are taken.
    fib::LeafIndex index(const LeafKey& key);
    [[nodiscard]] const LeafKey& key(fib::LeafIndex leaf) const { return *slots_[leaf]; }
    [[nodiscard]] bool is_used(fib::LeafIndex leaf) const { return slots_[leaf].has_value(); }
    // Numbers are below this.
    [[nodiscard]] std::size_t limit() const { return slots_.size(); }
    [[nodiscard]] std::size_t size() const { return index_.size(); }
    // Frees every leaf that is not marked (by number).
    void keep(const std::vector<char>& marked);

 private:
    Paths* paths_;
    std::map<LeafKey, fib::LeafIndex> index_;
    std::vector<std::optional<LeafKey>> slots_;
    std::deque<fib::LeafIndex> free_;
};

class Adjacencies {
 public:
    // [0] punts no-route: what leaf 0 and free leaves point to.
    Adjacencies();

    // The number of an equal adjacency, else a new one; `hint` is looked at first.
    std::uint16_t index(const fib::Adjacency& adjacency, std::uint16_t hint);
    // The same for a group of others, each as often as its weight.
    std::uint16_t group_index(const std::vector<std::uint16_t>& buckets);
    // Marks begin; every index() and group_index() since then keeps its result.
    void begin();
    void sweep();
    // Writes adjacencies and buckets as the workers read them.
    void store(fib::ForwardingState& state) const;
    [[nodiscard]] std::size_t size() const { return count_; }

 private:
    struct Less {
        bool operator()(const fib::Adjacency& a, const fib::Adjacency& b) const;
    };
    struct Slot {
        fib::Adjacency adjacency;
        std::vector<std::uint16_t> buckets;  // of a group
        bool is_used = false;
        bool is_marked = false;
    };
    std::uint16_t allocate(Slot slot);

    std::map<fib::Adjacency, std::uint16_t, Less> index_;
    std::map<std::vector<std::uint16_t>, std::uint16_t> groups_;
    std::vector<Slot> slots_;
    std::deque<std::uint16_t> free_;
    std::size_t count_ = 0;
};

// Members by weight as buckets: smallest equal proportions, at most 128 in all unless there are
// more members.
[[nodiscard]] std::vector<std::uint16_t> weighted_buckets(
    std::span<const std::pair<std::uint16_t, std::uint16_t>> member_weights);

}  // namespace detour::mirror
