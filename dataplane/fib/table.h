// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Longest-prefix match from an address to a leaf index. Built by one thread, then only read by
// many; a table is never changed after it was given to others (a copy is cheap for what it saves).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "conf/types/prefix.h"

namespace detour::fib {

using LeafIndex = std::uint16_t;
inline constexpr LeafIndex no_leaf = 0;

// Multibit trie: 16 bits at the root, 8 at each step below, leaves pushed. Memory grows with the
// prefixes (about 0.3 MB for a small IPv4 table).
class Table {
 public:
    // Prefixes of one family, each at most once, in any order; a leaf of no_leaf makes a hole.
    Table(Family family, std::span<const std::pair<Prefix, LeafIndex>> entries);

    // Before the table is shared only: the leaf of one address, whose prefix has no longer ones.
    void set_host(const Address& address, LeafIndex leaf);

    [[nodiscard]] Family family() const { return family_; }
    // Network-order octets of the address: 4 or 16.
    [[nodiscard]] LeafIndex lookup(const std::uint8_t* octets) const {
        std::uint32_t node = root_[static_cast<std::size_t>(octets[0] << 8 | octets[1])];
        for (octets += 2; (node & branch) != 0; ++octets)
            node = blocks_[(node & ~branch) + *octets];
        return static_cast<LeafIndex>(node);
    }
    [[nodiscard]] LeafIndex lookup(const Address& address) const {
        return lookup(address.bytes().data());
    }
    [[nodiscard]] std::size_t byte_size() const;

 private:
    static constexpr std::uint32_t branch = 0x80000000;  // the rest is the offset of a block of 256

    void insert(const Prefix& prefix, LeafIndex leaf);

    Family family_;
    std::vector<std::uint32_t> root_;
    std::vector<std::uint32_t> blocks_;
};

}  // namespace detour::fib
