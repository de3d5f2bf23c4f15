// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/campaign/campaign.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "tests/sim/stage/simulation.h"
#include "tests/sim/world/dice.h"

namespace sim {
namespace {

double now_in_seconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void add(Report& report, const Scenario& scenario, const Result& result) {
    ++report.seeds;
    report.box_hours += in_seconds(result.life) / 3600;
    const Score& score = result.score;
    for (const Finding& finding : score.findings) {
        ++report.faults.at(static_cast<std::size_t>(finding.fault));
        report.guilt.push_back({scenario.seed, finding});
    }
    auto& times = report.verdict_ms.at(static_cast<std::size_t>(scenario.shape.profile));
    times.insert(times.end(), score.verdict_ms.begin(), score.verdict_ms.end());
    report.interruptions += score.interruptions;
    report.brief += score.brief;
    report.moves += score.moves;
    report.probes += score.probes;
}

}  // namespace

Scenario scenario_of(const CampaignOptions& options, std::uint64_t seed) {
    Deal of_seed = options.deal;
    of_seed.seed = seed;
    return deal(of_seed);
}

Report run(const CampaignOptions& options) {
    Report report;
    std::mutex mutex;
    std::atomic<std::uint64_t> next = 0;
    const double wall = now_in_seconds(CLOCK_MONOTONIC);
    const double processor = now_in_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto work = [&] {
        for (;;) {
            const std::uint64_t index = next++;
            if (index >= options.seeds)
                return;
            const Scenario scenario = scenario_of(options, options.first_seed + index);
            RunOptions of_run;
            of_run.replayed = options.replay_every != 0 && index % options.replay_every == 0
                                  ? RunOptions::Replayed::yes
                                  : RunOptions::Replayed::no;
            const Result result = run(scenario, of_run);
            const std::lock_guard lock(mutex);
            add(report, scenario, result);
            if (options.progress)
                options.progress(report.seeds);
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < std::max(options.threads, 1U); ++i)
            threads.emplace_back(work);
    }
    report.wall_seconds = now_in_seconds(CLOCK_MONOTONIC) - wall;
    report.processor_seconds = now_in_seconds(CLOCK_PROCESS_CPUTIME_ID) - processor;
    for (auto& times : report.verdict_ms)
        std::ranges::sort(times);
    std::ranges::stable_sort(report.guilt, {}, [](const Guilt& guilt) {
        return std::pair(guilt.seed, guilt.finding.at);
    });
    return report;
}

// ---- the shortest that still fails

namespace {

bool still_fails(const Scenario& scenario, Fault fault) {
    const Result result = run(scenario, {});
    return std::ranges::any_of(result.score.findings,
                               [&](const Finding& finding) { return finding.fault == fault; });
}

bool drop_events(Scenario& scenario, Fault fault) {
    bool has_dropped = false;
    for (std::size_t i = scenario.events.size(); i-- > 0;) {
        Scenario fewer = scenario;
        fewer.events.erase(fewer.events.begin() + static_cast<std::ptrdiff_t>(i));
        if (!still_fails(fewer, fault))
            continue;
        scenario = std::move(fewer);
        has_dropped = true;
    }
    return has_dropped;
}

}  // namespace

Scenario shrink(const Scenario& scenario, const Finding& finding) {
    Scenario best = scenario;
    // What comes after cannot be its cause.
    Scenario shorter = best;
    shorter.length = std::min(best.length, finding.at + std::chrono::seconds(1));
    std::erase_if(shorter.events, [&](const Event& event) { return event.at > shorter.length; });
    if (still_fails(shorter, finding.fault))
        best = std::move(shorter);
    while (drop_events(best, finding.fault)) {
    }
    best.title = std::string(to_string(finding.fault)) + ": " + finding.text;
    return best;
}

}  // namespace sim
