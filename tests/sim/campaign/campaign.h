// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Many runs: dealt from seeds, on several threads that share nothing, summed up in a report. The
// report does not depend on how many threads there were.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/judge/finding.h"
#include "tests/sim/script/dealer.h"

namespace sim {

struct CampaignOptions {
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 200;
    Deal deal;  // its seed is not looked at
    unsigned threads = 2;
    // Every so manieth run is also replayed from its journal.
    std::uint64_t replay_every = 16;
    std::function<void(std::uint64_t done)> progress;
};

struct Guilt {
    std::uint64_t seed = 0;
    Finding finding;
};

struct Report {
    std::uint64_t seeds = 0;
    double box_hours = 0;
    double wall_seconds = 0;
    double processor_seconds = 0;
    std::array<std::uint64_t, 4> faults{};          // by Fault
    std::array<std::vector<double>, 3> verdict_ms;  // by profile, sorted
    std::uint64_t interruptions = 0;
    std::uint64_t brief = 0;
    std::uint64_t moves = 0;
    std::uint64_t probes = 0;
    std::vector<Guilt> guilt;  // by seed

    [[nodiscard]] std::uint64_t count(Fault fault) const {
        return faults.at(static_cast<std::size_t>(fault));
    }
    [[nodiscard]] double speedup() const {
        return wall_seconds <= 0 ? 0 : box_hours * 3600 / wall_seconds;
    }
    [[nodiscard]] bool is_clean() const { return faults == std::array<std::uint64_t, 4>{}; }
};

[[nodiscard]] Report run(const CampaignOptions& options);

// What the seed's run is: shape and events.
[[nodiscard]] Scenario scenario_of(const CampaignOptions& options, std::uint64_t seed);

// Fewer events and a shorter run with the same kind of fault; the scenario itself when nothing can
// go. Each attempt is a run.
[[nodiscard]] Scenario shrink(const Scenario& scenario, const Finding& finding);

[[nodiscard]] std::string to_json(const Report& report);
[[nodiscard]] std::string to_text(const Report& report);
// Verdicts come later than the specification wants.
[[nodiscard]] std::vector<std::string> slow_verdicts(const Report& report);

}  // namespace sim
