// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What will happen, in virtual time. Two kinds: packets on their way, of which there are millions
// and which cost nothing but their place in a heap, and everything else, which may be any function.
// At equal times first come, first served.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "conf/types/duration.h"
#include "tests/sim/world/packet.h"

namespace sim {

using detour::Duration;
using detour::Instant;

class Agenda {
 public:
    using Deed = std::function<void()>;

    explicit Agenda(Instant start) : now_(start) {}

    [[nodiscard]] Instant now() const { return now_; }
    void at(Instant when, Deed deed) {
        deeds_[push(when, deeds_, free_deeds_, Kind::deed)] = std::move(deed);
    }
    void after(Duration delay, Deed deed) { at(now_ + delay, std::move(deed)); }
    void deliver(Instant when, const Packet& packet) {
        packets_[push(when, packets_, free_packets_, Kind::packet)] = packet;
    }

    [[nodiscard]] std::optional<Instant> next() const {
        return heap_.empty() ? std::nullopt : std::optional(heap_.front().at);
    }
    void advance_to(Instant now) { now_ = std::max(now_, now); }
    // Does the first thing; a packet is handed to `deliver`.
    template <class Deliver>
    void step(const Deliver& deliver) {
        std::ranges::pop_heap(heap_, later);
        const Entry entry = heap_.back();
        heap_.pop_back();
        advance_to(entry.at);
        if (entry.kind == Kind::packet) {
            const Packet packet = std::move(packets_[entry.index]);
            free_packets_.push_back(entry.index);
            deliver(packet);
            return;
        }
        const Deed deed = std::exchange(deeds_[entry.index], {});
        free_deeds_.push_back(entry.index);
        deed();
    }

 private:
    enum class Kind : std::uint8_t { deed, packet };
    struct Entry {
        Instant at;
        std::uint64_t order = 0;
        std::uint32_t index = 0;
        Kind kind = Kind::deed;
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.at != b.at ? a.at > b.at : a.order > b.order;
    }

    template <class Things>
    std::uint32_t push(Instant when, Things& things, std::vector<std::uint32_t>& free, Kind kind) {
        if (free.empty()) {
            free.push_back(static_cast<std::uint32_t>(things.size()));
            things.emplace_back();
        }
        const std::uint32_t index = free.back();
        free.pop_back();
        heap_.push_back({std::max(when, now_), ++order_, index, kind});
        std::ranges::push_heap(heap_, later);
        return index;
    }

    Instant now_;
    std::uint64_t order_ = 0;
    std::vector<Entry> heap_;
    std::vector<Deed> deeds_;
    std::vector<std::uint32_t> free_deeds_;
    std::vector<Packet> packets_;
    std::vector<std::uint32_t> free_packets_;
};

}  // namespace sim
