// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One run of one scenario: the shipping controller in a box in the world, the events as they come,
// the judges beside it. The same scenario gives the same run, octet for octet.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/judge/finding.h"
#include "tests/sim/script/scenario.h"

namespace sim {

// A verdict, or a move that begins: what expectations are about. What is calm may be expected; what
// alarms, and each move, must be.
struct Happening {
    enum class Weight : std::uint8_t { calm, alarm } weight = Weight::alarm;
    Duration at{};
    std::string what;
    std::string block;
    std::string uplink;
};

struct Result {
    Score score;
    std::vector<Happening> happenings;
    Duration life{};  // virtual
};

struct RunOptions {
    // A line for everything that is worth one.
    std::function<void(const std::string&)> tell;
    enum class Replayed : std::uint8_t { no, yes } replayed = Replayed::yes;
};

[[nodiscard]] Result run(const Scenario& scenario, const RunOptions& options);

// What was expected and did not happen, and what happened and was not expected.
[[nodiscard]] std::vector<std::string> disappointments(const Scenario& scenario,
                                                       const Result& result);

}  // namespace sim
