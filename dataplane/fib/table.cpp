// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/table.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>
#include <unordered_set>

namespace detour::fib {

namespace {

// Of tables that would not fit the processor's translation buffers in small pages. Below, a large
// page would be mostly empty.
constexpr std::size_t large_page = 2U << 20U;
constexpr std::size_t worth_large_pages = 2 * large_page;

std::uint32_t* map_slots(std::size_t size) {
    const bool is_large = size >= worth_large_pages;
    const std::size_t mapped = size + (is_large ? large_page : 0);
    void* const start =
        mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        throw std::bad_alloc();
    if (!is_large)
        return static_cast<std::uint32_t*>(start);
    // Begin on a large page's border; what is before it goes back.
    auto* const bytes = static_cast<std::uint8_t*>(start);
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::size_t before = (large_page - address % large_page) % large_page;
    if (before != 0)
        munmap(bytes, before);
    if (before != large_page)
        munmap(bytes + before + size, large_page - before);
    madvise(bytes + before, size, MADV_HUGEPAGE);  // where it is refused, small pages do
    return reinterpret_cast<std::uint32_t*>(bytes + before);
}

constexpr std::size_t mapped_size(std::uint32_t capacity) {
    constexpr std::size_t page = 4096;
    const std::size_t size = std::size_t{capacity} * BlockArena::block_size * sizeof(std::uint32_t);
    return (size + page - 1) / page * page;
}

}  // namespace

// Splits that differ: far more than tables have next hops times lengths. All that a node could name
// (most_splits) would be 400 kB, cleared for each of a box's dozens of tables at every start of
// one.
constexpr std::size_t split_room = 4096;

void BlockArena::Unmap::operator()(std::uint32_t* slots) const {
    munmap(slots, size);
}

BlockArena::BlockArena(std::uint32_t capacity)
    : slots_(map_slots(mapped_size(capacity)), Unmap{mapped_size(capacity)}),
      splits_(static_cast<Split*>(std::calloc(split_room, sizeof(Split))), std::free),
      capacity_(capacity * block_size) {
    if (splits_ == nullptr)
        throw std::bad_alloc();
}

std::optional<std::uint16_t> BlockArena::place_of(const Split& split) {
    const std::uint64_t key =
        std::uint64_t{split.inside} << 32 | std::uint64_t{split.outside} << 16 | split.mask;
    if (const auto found = split_places_.find(key); found != split_places_.end())
        return found->second;
    static_assert(split_room <= most_splits);
    if (split_places_.size() == split_room)
        return std::nullopt;
    const auto place = static_cast<std::uint16_t>(split_places_.size());
    splits_[place] = split;
    split_places_.emplace(key, place);
    return place;
}

std::uint32_t BlockArena::allocate() {
    if (!free_.empty()) {
        const std::uint32_t offset = free_.back();
        free_.pop_back();
        return offset;
    }
    if (next_ == capacity_)
        return no_block;
    return std::exchange(next_, next_ + block_size);
}

std::uint64_t BlockArena::begin_version() {
    versions_.emplace_back();
    return newest();
}

void BlockArena::drop_inherited(std::uint32_t offset) {
    assert(versions_.size() >= 2);
    versions_[versions_.size() - 2].last_used.push_back(offset);
}

void BlockArena::end_version(std::uint64_t version) {
    versions_[version - oldest_].is_alive = false;
    // What a version was the last to use may still be used by the versions before it.
    while (!versions_.empty() && !versions_.front().is_alive) {
        const auto& last_used = versions_.front().last_used;
        free_.insert(free_.end(), last_used.begin(), last_used.end());
        versions_.pop_front();
        ++oldest_;
    }
}

// Writes into a version that nobody else sees yet. Blocks of the version before are copied when
// touched; its own are written in place.
class Table::Writer {
 public:
    explicit Writer(Table& table)
        : table_(table), slots_(table.arena_->slots()), owns_all_(table.version_ == 0) {}

    // False when the arena is full.
    bool write(std::span<const Entry> entries) {
        for (const auto& [prefix, leaf] : entries)
            if (!insert(prefix, leaf))
                return false;
        return true;
    }
    // Gives back blocks on the way to `prefix` whose slots have all become one leaf, or all but one
    // prefix's.
    void collapse(const Prefix& prefix) {
        const auto octets = prefix.address().bytes();
        collapse(table_.root_[root_index(octets)], octets.subspan(2), prefix.length(), 16);
    }

 private:
    static std::size_t root_index(std::span<const std::uint8_t> octets) {
        return static_cast<std::size_t>(octets[0] << 8 | octets[1]);
    }

    bool insert(const Prefix& prefix, LeafIndex leaf) {
        assert(prefix.family() == table_.family_);
        const auto octets = prefix.address().bytes();
        const unsigned length = prefix.length();
        if (length <= 16) {
            fill(&table_.root_[root_index(octets)], 1U << (16 - length), leaf);
            return true;
        }
        std::uint32_t* node = &table_.root_[root_index(octets)];
        for (unsigned depth = 16;; depth += 8) {
            if (length <= depth + 8 && (*node & not_a_leaf) == 0 &&
                make_split(*node, octets[depth / 8], mask_of(length - depth), leaf))
                return true;
            if (!own(*node))
                return false;
            std::uint32_t* const slot = slots_ + (*node & ~branch) + octets[depth / 8];
            if (length <= depth + 8) {
                fill(slot, 1U << (depth + 8 - length), leaf);
                return true;
            }
            node = slot;
        }
    }

    // Of the first 1 to 8 bits of an octet.
    [[nodiscard]] static std::uint8_t mask_of(unsigned bits) {
        return static_cast<std::uint8_t>(0xff00U >> bits);
    }

    // A leaf becomes a split, with another leaf for the octets like `octet`. False when there is no
    // place for it.
    bool make_split(std::uint32_t& node, std::uint8_t octet, std::uint8_t mask, LeafIndex inside) {
        const auto outside = static_cast<LeafIndex>(node);
        if (inside == outside)
            return true;
        const auto place = table_.arena_->place_of({inside, outside, mask});
        if (place)
            node = split | std::uint32_t{octet} << 16 | *place;
        return place.has_value();
    }

    [[nodiscard]] bool is_own(std::uint32_t block) const {
        return owns_all_ || own_.contains(block);
    }

    // Makes `node` lead to a block of this version: a new one, its own, or a copy.
    bool own(std::uint32_t& node) {
        const std::uint32_t before = node & ~branch;
        const bool is_block = (node & branch) != 0;
        if (is_block && is_own(before))
            return true;
        const std::uint32_t block = table_.arena_->allocate();
        if (block == BlockArena::no_block)
            return false;
        if (is_block) {
            std::copy_n(slots_ + before, BlockArena::block_size, slots_ + block);
            table_.arena_->drop_inherited(before);
        } else {
            spread(node, slots_ + block);
        }
        if (!owns_all_)
            own_.insert(block);
        node = branch | block;
        return true;
    }

    // The 256 slots that a leaf or a split stands for.
    void spread(std::uint32_t node, std::uint32_t* slots) {
        if ((node & split) == 0) {
            std::fill_n(slots, BlockArena::block_size, node);
            return;
        }
        const Split& choice = table_.arena_->splits()[node & 0xffff];
        for (std::uint32_t octet = 0; octet < BlockArena::block_size; ++octet)
            slots[octet] =
                (((node >> 16) ^ octet) & choice.mask) == 0 ? choice.inside : choice.outside;
    }

    void fill(std::uint32_t* first, std::uint32_t count, LeafIndex leaf) {
        for (std::uint32_t i = 0; i < count; ++i) {
            if ((first[i] & branch) != 0)
                release(first[i] & ~branch);
            first[i] = leaf;
        }
    }

    // The block and what hangs below it are no part of this version any more.
    void release(std::uint32_t block) {
        for (std::uint32_t i = 0; i < BlockArena::block_size; ++i)
            if ((slots_[block + i] & branch) != 0)
                release(slots_[block + i] & ~branch);
        if (owns_all_ || own_.erase(block) != 0)
            table_.arena_->free(block);
        else
            table_.arena_->drop_inherited(block);
    }

    void collapse(std::uint32_t& node, std::span<const std::uint8_t> octets, unsigned length,
                  unsigned depth) {
        if ((node & branch) == 0)
            return;
        const std::uint32_t block = node & ~branch;
        // An inherited block is as the version before left it, and may not be written.
        if (!is_own(block))
            return;
        if (length > depth + 8)
            collapse(slots_[block + octets[0]], octets.subspan(1), length, depth + 8);
        const std::span<const std::uint32_t> slots(slots_ + block, BlockArena::block_size);
        const bool is_leaves =
            std::ranges::all_of(slots, [](std::uint32_t slot) { return (slot & not_a_leaf) == 0; });
        if (!is_leaves)
            return;
        const auto instead = folded(slots);
        if (!instead)
            return;
        release(block);
        node = *instead;
    }

    // One node that says what these 256 leaves say: nothing if there is none.
    std::optional<std::uint32_t> folded(std::span<const std::uint32_t> slots) {
        // Where the first slot's leaf ends, and where the last one's begins.
        const auto differs_from = [](std::uint32_t leaf) {
            return [leaf](std::uint32_t slot) { return slot != leaf; };
        };
        const std::uint32_t first = slots.front();
        const auto end = std::ranges::find_if(slots, differs_from(first));
        if (end == slots.end())
            return first;
        const auto head = static_cast<std::uint32_t>(end - slots.begin());
        const std::uint32_t middle = *end;
        const auto rest = slots.subspan(head);
        const auto tail = static_cast<std::uint32_t>(
            std::ranges::find_if(rest, differs_from(middle)) - rest.begin());
        const bool ends_there = head + tail == slots.size();
        if (!ends_there && !std::ranges::all_of(slots.subspan(head + tail),
                                                [first](auto slot) { return slot == first; }))
            return std::nullopt;
        // The run in the middle is inside, or (if it reaches the end) what is before it may be.
        for (const auto& [from, count, inside, outside] :
             {Run{head, tail, middle, first}, Run{0, ends_there ? head : 0, first, middle}}) {
            if (!std::has_single_bit(count) || from % count != 0)
                continue;
            std::uint32_t node = outside;
            const auto mask = static_cast<std::uint8_t>(~(count - 1));
            if (make_split(node, static_cast<std::uint8_t>(from), mask,
                           static_cast<LeafIndex>(inside)))
                return node;
        }
        return std::nullopt;
    }

    struct Run {
        std::uint32_t from;
        std::uint32_t count;
        std::uint32_t inside;
        std::uint32_t outside;
    };

    Table& table_;
    std::uint32_t* slots_;
    bool owns_all_;  // the first version: nothing is inherited
    std::unordered_set<std::uint32_t> own_;
};

namespace {

constexpr auto prefix_of = [](const Entry& entry) -> const Prefix& { return entry.first; };

// An upper bound of the blocks that the entries need: for each, the blocks on its way that the
// entry before it does not need already.
std::uint32_t needed_blocks(std::span<const Entry> sorted) {
    std::uint32_t count = 0;
    const Prefix* before = nullptr;
    for (const auto& [prefix, leaf] : sorted) {
        const unsigned steps = prefix.length() <= 16 ? 0 : (prefix.length() - 16U + 7) / 8;
        unsigned shared = 0;
        if (before != nullptr && before->length() > 16) {
            const auto a = before->address().bytes();
            const auto b = prefix.address().bytes();
            const auto same = static_cast<unsigned>(std::ranges::mismatch(a, b).in1 - a.begin());
            const unsigned before_steps = (before->length() - 16U + 7) / 8;
            shared = same < 2 ? 0 : std::min({same - 1, steps, before_steps});
        }
        count += steps - shared;
        if (prefix.length() > 16)
            before = &prefix;
    }
    return count;
}

// Room for as much again, so that edits rarely ask for a new table.
constexpr std::uint32_t spare_blocks = 1024;

}  // namespace

Table::Table(Family family, std::span<const Entry> entries)
    : family_(family), root_(1U << 16U, no_leaf) {
    std::vector<Entry> sorted;
    if (!std::ranges::is_sorted(entries, {}, prefix_of)) {
        sorted.assign(entries.begin(), entries.end());
        std::ranges::sort(sorted, {}, prefix_of);
        entries = sorted;
    }
    arena_ = std::make_shared<BlockArena>(2 * needed_blocks(entries) + spare_blocks);
    blocks_ = arena_->slots();
    splits_ = arena_->splits();
    version_ = arena_->begin_version();
    // A covering prefix comes before those it covers: a longer one then overwrites its part, and a
    // new block starts as a copy of what it splits.
    const bool has_room = Writer(*this).write(entries);
    assert(has_room);
    (void)has_room;
}

Table::Table(const Table& before)
    : family_(before.family_),
      root_(before.root_),
      arena_(before.arena_),
      blocks_(before.blocks_),
      splits_(before.splits_),
      version_(arena_->begin_version()) {
    assert(before.version_ + 1 == version_);
}

Table::~Table() {
    arena_->end_version(version_);
}

std::shared_ptr<const Table> Table::with(std::span<const Edit> edits) const {
    std::shared_ptr<Table> next(new Table(*this));
    Writer writer(*next);
    for (const Edit& edit : edits)
        if (!writer.write(edit))
            return nullptr;
    for (const Edit& edit : edits)
        writer.collapse(edit.front().first);
    return next;
}

std::size_t Table::byte_size() const {
    return root_.size() * sizeof(std::uint32_t) +
           arena_->used_count() * BlockArena::block_size * sizeof(std::uint32_t);
}

}  // namespace detour::fib
