// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Nanoseconds of the time stamp counter: a clock that costs a worker one instruction a burst.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

namespace detour::engine {

class TickClock {
 public:
    // After the EAL has measured the counter.
    TickClock() : scale_((std::uint64_t{1'000'000'000} << 24) / rte_get_tsc_hz()) {}

    [[nodiscard]] std::uint64_t nanoseconds(std::uint64_t ticks) const {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((Wide{ticks} * scale_) >> 24);
    }

 private:
    std::uint64_t scale_;  // nanoseconds a tick, times 2^24
};

}  // namespace detour::engine
