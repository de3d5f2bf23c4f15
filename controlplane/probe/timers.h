// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A heap of things that are due. Nothing is ever taken out of its middle: an entry carries the
// generation of what it is about, and one whose generation has passed is dropped when it comes up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "conf/types/duration.h"

namespace detour::probe {

enum class Due : std::uint8_t { slot, round, tunnel, egress, sentinel, burst, walk, size };

struct Timer {
    Instant at{};
    std::uint64_t order = 0;  // equal times: first come, first served
    Due due = Due::slot;
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
};

class Timers {
 public:
    void add(Instant at, Due due, std::uint32_t index, std::uint32_t generation) {
        heap_.push_back({at, ++order_, due, index, generation});
        std::ranges::push_heap(heap_, later);
    }
    [[nodiscard]] const Timer* first() const { return heap_.empty() ? nullptr : &heap_.front(); }
    Timer take() {
        std::ranges::pop_heap(heap_, later);
        const Timer timer = heap_.back();
        heap_.pop_back();
        return timer;
    }

 private:
    static bool later(const Timer& a, const Timer& b) {
        return a.at != b.at ? a.at > b.at : a.order > b.order;
    }

    std::vector<Timer> heap_;
    std::uint64_t order_ = 0;
};

}  // namespace detour::probe
