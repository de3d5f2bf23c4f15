// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Longest-prefix match from an address to a leaf index. Built by one thread, then only read by
// many: a table never changes once others see it. An edit makes a new version that shares every
// block it did not touch, so that one route among a million costs a copy of the root (256 kB) and
// of a block or two. Versions are made and destroyed by the one writer thread (publisher.h frees
// what readers have left there); a block is used again when no living version holds it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conf/types/prefix.h"

namespace detour::fib {

using LeafIndex = std::uint16_t;
inline constexpr LeafIndex no_leaf = 0;

using Entry = std::pair<Prefix, LeafIndex>;

// What a part of the table says from now on: the first entry is the part, the others lie within it,
// in the order of prefixes (a covering one before those it covers), each at most once.
using Edit = std::vector<Entry>;

// What 256 slots would say of which all but one prefix's are alike: the octet that leads there is
// compared under the mask. Two leaves and a mask are the same for thousands of prefixes, so that a
// scattered table is a root, and a lookup in it one load of memory that is not in the first-level
// cache (10,000 random /24: 0.3 MB instead of 10, and the lookup 17 cycles a packet instead of 5).
struct Split {
    LeafIndex inside = no_leaf;
    LeafIndex outside = no_leaf;
    std::uint8_t mask = 0;
};

// Where the blocks of all versions of a table live: fixed in place and size, so that readers need
// one pointer.
class BlockArena {
 public:
    static constexpr std::uint32_t block_size = 256;  // slots
    static constexpr std::uint32_t no_block = ~0U;

    explicit BlockArena(std::uint32_t capacity);

    [[nodiscard]] std::uint32_t* slots() { return slots_.get(); }
    [[nodiscard]] const Split* splits() const { return splits_.get(); }
    // The place of a split, the same for the same one; nothing when there are too many of them.
    [[nodiscard]] std::optional<std::uint16_t> place_of(const Split& split);
    // The offset of a free block's first slot, or no_block.
    [[nodiscard]] std::uint32_t allocate();
    // A block that no version ever published.
    void free(std::uint32_t offset) { free_.push_back(offset); }
    // A version begins to live (its number), stops using a block that it inherits from the version
    // before, and dies.
    [[nodiscard]] std::uint64_t begin_version();
    void drop_inherited(std::uint32_t offset);
    void end_version(std::uint64_t version);
    [[nodiscard]] std::uint64_t newest() const { return oldest_ + versions_.size() - 1; }
    [[nodiscard]] std::size_t used_count() const { return next_ / block_size - free_.size(); }

 private:
    struct Version {
        bool is_alive = true;
        std::vector<std::uint32_t> last_used;  // blocks that the next version does without
    };

    struct Unmap {
        std::size_t size;
        void operator()(std::uint32_t* slots) const;
    };

    static constexpr std::size_t most_splits = 65536;

    std::unique_ptr<std::uint32_t[], Unmap> slots_;     // untouched pages cost nothing
    std::unique_ptr<Split[], void (*)(void*)> splits_;  // as well; written once, before it is used
    std::unordered_map<std::uint64_t, std::uint16_t> split_places_;
    std::uint32_t capacity_;  // slots
    std::uint32_t next_ = 0;  // first slot never used
    std::vector<std::uint32_t> free_;
    std::deque<Version> versions_;
    std::uint64_t oldest_ = 0;  // number of versions_.front()
};

// Multibit trie: 16 bits at the root, 8 at each step below, leaves pushed. A node is a leaf, a
// block of 256 nodes, or a split in the place of a block that would hold one prefix alone.
class Table {
 public:
    // Prefixes of one family, each at most once, in any order; a leaf of no_leaf makes a hole.
    Table(Family family, std::span<const Entry> entries);
    ~Table();
    Table& operator=(const Table&) = delete;

    // The next version; only of the newest one. Null when there is no room: build a new table.
    [[nodiscard]] std::shared_ptr<const Table> with(std::span<const Edit> edits) const;

    [[nodiscard]] Family family() const { return family_; }
    // Network-order octets of the address: 4 or 16.
    [[nodiscard]] LeafIndex lookup(const std::uint8_t* octets) const {
        std::uint32_t node = root_[static_cast<std::size_t>(octets[0] << 8 | octets[1])];
        for (octets += 2; (node & branch) != 0; ++octets)
            node = blocks_[(node & ~branch) + *octets];
        if ((node & split) == 0)
            return static_cast<LeafIndex>(node);
        const Split& choice = splits_[node & 0xffff];
        return (((node >> 16) ^ *octets) & choice.mask) == 0 ? choice.inside : choice.outside;
    }
    [[nodiscard]] LeafIndex lookup(const Address& address) const {
        return lookup(address.bytes().data());
    }
    // Of the root and of all blocks that some version uses.
    [[nodiscard]] std::size_t byte_size() const;

 private:
    static constexpr std::uint32_t branch = 0x80000000;  // the rest is the offset of a block of 256
    // The octet that leads inside in bits 16 to 23, the place of the split in 0 to 15.
    static constexpr std::uint32_t split = 0x40000000;
    static constexpr std::uint32_t not_a_leaf = branch | split;
    class Writer;

    Table(const Table& before);  // the next version, not edited yet

    Family family_;
    std::vector<std::uint32_t> root_;
    std::shared_ptr<BlockArena> arena_;
    const std::uint32_t* blocks_;
    const Split* splits_;
    std::uint64_t version_;
};

}  // namespace detour::fib
