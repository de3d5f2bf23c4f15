// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a run is found guilty of, and what it took.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/types/duration.h"

namespace sim {

enum class Fault : std::uint8_t { missed, wrong, needless, violation };
[[nodiscard]] constexpr const char* to_string(Fault fault) {
    switch (fault) {
        case Fault::missed:
            return "missed null route";
        case Fault::wrong:
            return "wrong null-route verdict";
        case Fault::needless:
            return "needless move";
        case Fault::violation:
            return "invariant violated";
    }
    return "?";
}

struct Finding {
    detour::Duration at{};  // since the start of the run
    Fault fault = Fault::violation;
    std::string text;
};

struct Score {
    std::vector<Finding> findings;
    std::vector<double> verdict_ms;   // from the onset of an interruption to NULLROUTED
    std::uint64_t interruptions = 0;  // for which a verdict was owed
    std::uint64_t brief = 0;          // verdicts on interruptions that were over soon after
    std::uint64_t moves = 0;
    std::uint64_t probes = 0;
};

}  // namespace sim
