// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Random numbers from a seed, the same on every machine (the standard's distributions are not):
// SplitMix64. Tokens need not resist somebody who sees the requests, only everybody who does not;
// the seed comes from the system's entropy then.
#pragma once

#include <cstdint>

#include "conf/types/duration.h"

namespace detour::probe {

class Random {
 public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        return z ^ z >> 31;
    }
    // Evenly in [low, high].
    Duration between(Duration low, Duration high) {
        const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
        return low + Duration(static_cast<std::int64_t>(next() % span));
    }
    bool coin() { return next() >> 63 != 0; }

 private:
    std::uint64_t state_;
};

}  // namespace detour::probe
