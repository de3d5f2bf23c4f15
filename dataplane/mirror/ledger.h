// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A map that is fed by two voices at once: events, in order and trusted, and a dump, which is a
// picture taken some time after it was asked for. Each entry remembers who touched it last, so that
// a dump is compared with the running copy as it streams in, without a second copy:
//   - what an event touched since the dump was asked for, the dump may not change (every event that
//     the picture contains is already here or still in our queue);
//   - what the dump did not mention by its end, and no event touched, is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace detour::mirror {

// When an entry was touched: which dump was the latest, and by whom.
struct Stamp {
    std::uint32_t dump = 0;
    bool is_from_dump = false;

    // An event came after dump number `dump_number` was asked for.
    [[nodiscard]] bool is_event_since(std::uint32_t dump_number) const {
        return dump == dump_number && !is_from_dump;
    }
};

// The dump that runs, if one does; dumps are numbered so that stamps need no clearing.
struct DumpClock {
    std::uint32_t number = 0;
    bool is_running = false;

    [[nodiscard]] Stamp event_stamp() const { return {number, false}; }
    [[nodiscard]] Stamp dump_stamp() const { return {number, true}; }
};

template <class Key, class Value>
class Ledger {
 public:
    struct Entry {
        Value value;
        Stamp stamp;
    };
    using Map = std::map<Key, Entry>;

    [[nodiscard]] const Map& entries() const { return entries_; }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] const Value* find(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second.value;
    }

    // An event's word; true when something changed.
    bool put(const Key& key, Value value, const DumpClock& clock) {
        const auto [at, is_new] = entries_.try_emplace(key, Entry{value, clock.event_stamp()});
        erased_.erase(key);
        at->second.stamp = clock.event_stamp();
        if (is_new)
            return true;
        return replace(at->second.value, std::move(value));
    }
    bool erase(const Key& key, const DumpClock& clock) {
        if (clock.is_running)
            erased_.insert(key);
        return entries_.erase(key) != 0;
    }

    // A dump begins: what was erased before it was asked for does not concern it.
    void begin_dump() { erased_.clear(); }
    // The dump's word; true when it differed from the copy, which then follows it.
    bool offer(const Key& key, Value value, const DumpClock& clock) {
        if (erased_.contains(key))
            return false;
        const auto [at, is_new] = entries_.try_emplace(key, Entry{value, clock.dump_stamp()});
        if (is_new)
            return true;
        if (at->second.stamp.is_event_since(clock.number))
            return false;
        at->second.stamp = clock.dump_stamp();
        return replace(at->second.value, std::move(value));
    }
    // The dump is complete: forgets what it should have mentioned (`in_scope(key, value)`) and did
    // not; tells `gone(key, value)` before. Returns how many.
    template <class InScope, class Gone>
    std::size_t sweep(const DumpClock& clock, InScope in_scope, Gone gone) {
        erased_.clear();
        return std::erase_if(entries_, [&](const auto& item) {
            const auto& [key, entry] = item;
            if (entry.stamp.dump == clock.number || !in_scope(key, entry.value))
                return false;
            gone(key, entry.value);
            return true;
        });
    }

 private:
    // "Nothing changed" is what == says; the value may still hold something newer beside it.
    static bool replace(Value& old, Value value) {
        const bool is_change = !(old == value);
        old = std::move(value);
        return is_change;
    }

    Map entries_;
    std::set<Key> erased_;  // by events, while a dump runs
};

}  // namespace detour::mirror
