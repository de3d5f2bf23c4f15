// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/table.h"

#include <algorithm>
#include <cassert>

namespace detour::fib {

namespace {

constexpr auto prefix_of = [](const std::pair<Prefix, LeafIndex>& entry) -> const Prefix& {
    return entry.first;
};

}  // namespace

Table::Table(Family family, std::span<const std::pair<Prefix, LeafIndex>> entries)
    : family_(family), root_(1U << 16U, no_leaf) {
    // A covering prefix before those it covers: a longer one then overwrites its part, and a new
    // block starts as a copy of what it splits. The order of prefixes is such an order.
    if (std::ranges::is_sorted(entries, {}, prefix_of)) {
        for (const auto& [prefix, leaf] : entries)
            insert(prefix, leaf);
    } else {
        std::vector<std::pair<Prefix, LeafIndex>> sorted(entries.begin(), entries.end());
        std::ranges::sort(sorted, {}, prefix_of);
        for (const auto& [prefix, leaf] : sorted)
            insert(prefix, leaf);
    }
    blocks_.shrink_to_fit();
}

void Table::set_host(const Address& address, LeafIndex leaf) {
    insert(Prefix::host(address), leaf);
}

void Table::insert(const Prefix& prefix, LeafIndex leaf) {
    assert(prefix.family() == family_);
    const auto octets = prefix.address().bytes();
    const std::uint8_t length = prefix.length();
    std::size_t first = static_cast<std::size_t>(octets[0] << 8 | octets[1]);
    if (length <= 16) {
        std::fill_n(root_.begin() + static_cast<std::ptrdiff_t>(first), 1U << (16U - length), leaf);
        return;
    }
    std::uint32_t* node = &root_[first];
    for (unsigned depth = 16;; depth += 8) {
        if ((*node & branch) == 0) {
            const std::uint32_t inherited = *node;
            const auto block = static_cast<std::uint32_t>(blocks_.size());
            *node = branch | block;  // before resize: node may point into blocks_
            blocks_.resize(blocks_.size() + 256, inherited);
            first = block;
        } else {
            first = *node & ~branch;
        }
        const std::uint8_t octet = octets[depth / 8];
        if (length <= depth + 8) {
            std::fill_n(blocks_.begin() + static_cast<std::ptrdiff_t>(first + octet),
                        1U << (depth + 8 - length), leaf);
            return;
        }
        node = &blocks_[first + octet];
    }
}

std::size_t Table::byte_size() const {
    return (root_.size() + blocks_.size()) * sizeof(std::uint32_t);
}

}  // namespace detour::fib
