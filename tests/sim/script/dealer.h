// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A scenario from a seed: a shape of the box and a night that is worse than nights are. Null routes
// of all kinds, everything that can be taken for one, and faults of the box itself; after the last
// of them there is time to come to rest.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/sim/script/scenario.h"

namespace sim {

struct Deal {
    std::uint64_t seed = 1;
    Duration length = std::chrono::hours(2);
    // Nothing: the seeds are dealt over all three.
    std::optional<detour::model::Profile> profile;
    std::uint32_t uplinks = 2;
    std::uint32_t sets = 2;
};

[[nodiscard]] Scenario deal(const Deal& deal);

}  // namespace sim
