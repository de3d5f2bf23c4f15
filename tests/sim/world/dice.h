// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Chance from a seed, the same on every machine. Streams are forked by name: what one part of the
// world draws changes nothing in what another draws, so that a scenario that lost one event is
// otherwise the same.
#pragma once

#include <cmath>
#include <cstdint>

#include "conf/types/duration.h"
#include "controlplane/probe/random.h"

namespace sim {

using detour::Duration;
using detour::Instant;

class Dice {
 public:
    explicit Dice(std::uint64_t seed) : random_(seed), seed_(seed) {}

    [[nodiscard]] Dice fork(std::uint64_t stream) const {
        return Dice(detour::probe::Random(seed_ ^ stream * 0x9e3779b97f4a7c15U).next());
    }
    std::uint64_t next() { return random_.next(); }
    // [0, 1)
    double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    double uniform(double low, double high) { return low + (high - low) * uniform(); }
    double log_uniform(double low, double high) {
        return std::exp(uniform(std::log(low), std::log(high)));
    }
    double exponential(double mean) { return -mean * std::log1p(-uniform()); }
    bool chance(double probability) { return uniform() < probability; }
    std::size_t index(std::size_t count) { return static_cast<std::size_t>(next() % count); }
    Duration between(Duration low, Duration high) {
        return Duration(static_cast<std::int64_t>(
            uniform(static_cast<double>(low.count()), static_cast<double>(high.count()))));
    }

 private:
    detour::probe::Random random_;
    std::uint64_t seed_;
};

[[nodiscard]] inline Duration seconds(double value) {
    return Duration(static_cast<std::int64_t>(value * 1e9));
}
[[nodiscard]] inline double in_seconds(Duration value) {
    return static_cast<double>(value.count()) / 1e9;
}

}  // namespace sim
