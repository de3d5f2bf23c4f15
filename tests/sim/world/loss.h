// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Loss of a path after Gilbert and Elliott: good until a burst begins, and in a burst most is lost.
// Bursts last between 20 ms and 8 s, evenly over the orders of magnitude; they begin as often as
// the mean loss wants. Asked in the order of time.
#pragma once

#include "tests/sim/world/dice.h"

namespace sim {

class BurstyLoss {
 public:
    // `depth`: the share that a burst loses.
    BurstyLoss(Dice dice, double mean, double depth) : dice_(dice), depth_(depth) {
        if (mean > 0)
            pause_ = mean_burst * (depth / mean - 1);
    }

    [[nodiscard]] bool loses(Instant now) {
        if (pause_ <= 0)
            return false;
        while (now >= end_)
            next(now);
        return now >= begin_ && (depth_ >= 1 || dice_.chance(depth_));
    }
    // The burst that is or comes next; for who must know beforehand.
    struct Burst {
        Instant begin;
        Instant end;
    };
    [[nodiscard]] Burst burst(Instant now) {
        while (now >= end_)
            next(now);
        return {begin_, end_};
    }
    [[nodiscard]] bool has_bursts() const { return pause_ > 0; }

 private:
    static constexpr double shortest = 0.02;
    static constexpr double longest = 8;
    static constexpr double mean_burst = 1.332;  // (8 - 0.02) / ln(8 / 0.02)

    void next(Instant now) {
        if (end_ == Instant{})
            end_ = now;
        begin_ = end_ + seconds(dice_.exponential(pause_));
        end_ = begin_ + seconds(dice_.log_uniform(shortest, longest));
    }

    Dice dice_;
    double depth_;
    double pause_ = 0;  // seconds, mean
    Instant begin_{};
    Instant end_{};
};

}  // namespace sim
