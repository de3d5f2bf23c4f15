// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The reply timeout of one destination by one uplink (detection.md section 1): clamp(1.5 x p95 RTT
// + pad, floor, cap), from the last 32 round trips, the cap until there are three.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "conf/types/duration.h"
#include "controlplane/probe/schedule.h"

namespace detour::probe {

class RoundTrip {
 public:
    [[nodiscard]] Duration timeout(const Schedule& schedule) const {
        if (p95_ == Duration{})
            return schedule.timeout_cap;
        return std::clamp(p95_ * 3 / 2 + schedule.timeout_pad, schedule.timeout_floor,
                          schedule.timeout_cap);
    }
    void add(Duration rtt) {
        last_[count_++ % last_.size()] = static_cast<std::int64_t>(rtt.count());
        if (count_ >= least && (count_ < refresh || count_ % refresh == 0))
            update();
    }

 private:
    static constexpr std::size_t least = 3;
    static constexpr std::size_t refresh = 8;

    void update() {
        auto sorted = last_;
        const std::size_t used = std::min(count_, sorted.size());
        const std::size_t index = used * 95 / 100;
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index),
                         sorted.begin() + static_cast<std::ptrdiff_t>(used));
        p95_ = std::max(Duration(sorted[index]), Duration(1));
    }

    std::array<std::int64_t, 32> last_{};
    std::size_t count_ = 0;
    Duration p95_{};
};

}  // namespace detour::probe
