// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A cap that is never overdrawn: at most `limit` probes in any window of one second, wherever the
// window starts. It remembers the last sends themselves, since a token bucket lets twice its rate
// pass in one second. And what may be sent over time: a burst of suspicion, and what fills it
// again, however often suspicion comes and goes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "conf/types/duration.h"

namespace detour::probe {

class RateWindow {
 public:
    // `most` is the largest limit that will be asked for.
    explicit RateWindow(std::uint32_t most) : sent_(std::max(most, 1U), Instant::min()) {}

    // What was sent before `since` fell under another limit and does not count.
    [[nodiscard]] bool has_room(Instant now, std::uint32_t limit, Instant since) const {
        if (limit == 0)
            return false;
        // The send that must be out of the window before another may come in.
        const auto count = sent_.size();
        const auto back = std::min<std::size_t>(limit, count);
        const Instant oldest = sent_[(next_ + count - back) % count];
        return oldest == Instant::min() || oldest < since ||
               now - oldest >= std::chrono::seconds(1);
    }
    void add(Instant now) {
        sent_[next_] = now;
        next_ = (next_ + 1) % sent_.size();
    }

 private:
    std::vector<Instant> sent_;
    std::size_t next_ = 0;
};

class Allowance {
 public:
    Allowance(double most, double per_second) : most_(most), per_second_(per_second), left_(most) {}

    [[nodiscard]] bool has_room(Instant now) const { return left(now) >= 1; }
    void add(Instant now) {
        left_ = left(now) - 1;
        filled_ = now;
    }

 private:
    [[nodiscard]] double left(Instant now) const {
        if (!filled_)
            return most_;
        const auto passed = static_cast<double>((now - *filled_).count()) / 1e9;
        return std::min(most_, left_ + per_second_ * passed);
    }

    double most_;
    double per_second_;
    double left_;
    std::optional<Instant> filled_;
};

}  // namespace detour::probe
