// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The command line of the simulator; tools/simulate builds it and hands its arguments on.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "conf/model/scalars.h"
#include "conf/program/exit_code.h"
#include "tests/sim/campaign/campaign.h"
#include "tests/sim/stage/simulation.h"
#include "tests/sim/world/dice.h"

namespace {

using detour::program::ExitCode;
using detour::program::to_int;

struct Arguments {
    std::uint64_t seeds = 10'000;
    std::uint64_t first = 1;
    double hours = 2;
    std::string profile;
    std::vector<std::string> scenarios;
    std::string json;
    std::string failures = "simulate-failures";
    unsigned threads = 0;
    std::uint32_t uplinks = 2;
    std::uint32_t sets = 2;
    std::uint64_t show = 0;
    bool is_drawing = false;
    bool is_quiet = false;
};

std::optional<std::string> read(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

void tell(const std::string& line) {
    std::puts(line.c_str());
}

// Complaints about the run, or none.
std::size_t judge(const sim::Scenario& scenario, const sim::Result& result) {
    std::size_t complaints = 0;
    for (const sim::Finding& finding : result.score.findings) {
        fmt::print("  {:.3f} s  {}: {}\n", sim::in_seconds(finding.at), to_string(finding.fault),
                   finding.text);
        ++complaints;
    }
    for (const std::string& text : sim::disappointments(scenario, result)) {
        fmt::print("  {}\n", text);
        ++complaints;
    }
    return complaints;
}

ExitCode play(const Arguments& arguments, const std::string& path) {
    const auto text = read(path);
    if (!text) {
        fmt::print(stderr, "simulate: cannot read {}\n", path);
        return ExitCode::usage;
    }
    const auto scenario = sim::parse_scenario(*text);
    if (!scenario) {
        fmt::print(stderr, "{}:{}\n", path, scenario.error());
        return ExitCode::usage;
    }
    if (arguments.is_drawing) {
        fmt::print("{}", to_string(*scenario));
        return ExitCode::success;
    }
    sim::RunOptions options;
    if (!arguments.is_quiet)
        options.tell = tell;
    const std::size_t complaints = judge(*scenario, sim::run(*scenario, options));
    const std::string name = std::filesystem::path(path).stem();
    fmt::print("{} {}\n", complaints == 0 ? "ok" : "FAIL", name);
    return complaints == 0 ? ExitCode::success : ExitCode::failure;
}

ExitCode play_all(const Arguments& arguments) {
    ExitCode worst = ExitCode::success;
    std::size_t failed = 0;
    for (const std::string& path : arguments.scenarios) {
        const ExitCode code = play(arguments, path);
        if (code == ExitCode::usage)
            return code;
        if (code != ExitCode::success)
            ++failed;
    }
    if (failed != 0)
        worst = ExitCode::failure;
    if (!arguments.is_drawing)
        fmt::print("{} passed, {} failed, 0 skipped\n", arguments.scenarios.size() - failed,
                   failed);
    return worst;
}

// The first few failing runs, each shrunk to what still fails, as files to be replayed.
void keep_failures(const Arguments& arguments, const sim::CampaignOptions& options,
                   const sim::Report& report) {
    constexpr std::size_t kept = 3;
    std::vector<std::uint64_t> seen;
    for (const sim::Guilt& guilt : report.guilt) {
        if (!seen.empty() && seen.back() == guilt.seed)
            continue;
        seen.push_back(guilt.seed);
        if (seen.size() > kept)
            continue;
        const sim::Scenario shrunk =
            sim::shrink(sim::scenario_of(options, guilt.seed), guilt.finding);
        std::error_code error;
        std::filesystem::create_directories(arguments.failures, error);
        const auto path =
            std::filesystem::path(arguments.failures) / fmt::format("seed-{}.scenario", guilt.seed);
        std::ofstream(path) << to_string(shrunk);
        fmt::print("shrunk to {} events: tools/simulate --scenario {}\n", shrunk.events.size(),
                   path.string());
    }
    if (seen.size() > kept)
        fmt::print("and {} more seeds\n", seen.size() - kept);
}

std::function<void(std::uint64_t)> progress_of(std::uint64_t seeds) {
    using Clock = std::chrono::steady_clock;
    const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
    const auto pause = std::chrono::seconds(is_terminal ? 1 : 30);
    return [seeds, is_terminal, pause, start = Clock::now(),
            said = Clock::now()](std::uint64_t done) mutable {
        const auto now = Clock::now();
        if (now - said < pause)
            return;
        said = now;
        const double passed = std::chrono::duration<double>(now - start).count();
        const double left = passed / static_cast<double>(done) * static_cast<double>(seeds - done);
        fmt::print(stderr, "{}{} of {} runs, {:.0f} s left   {}", is_terminal ? "\r" : "", done,
                   seeds, left, is_terminal ? "" : "\n");
        std::fflush(stderr);
    };
}

ExitCode play_seeds(const Arguments& arguments) {
    sim::CampaignOptions options;
    options.seeds = arguments.seeds;
    options.first_seed = arguments.first;
    options.threads = arguments.threads != 0 ? arguments.threads
                                             : std::max(1U, std::thread::hardware_concurrency());
    options.deal.length = sim::seconds(arguments.hours * 3600);
    options.deal.uplinks = arguments.uplinks;
    options.deal.sets = arguments.sets;
    if (!arguments.profile.empty())
        options.deal.profile = detour::model::parse_profile(arguments.profile).value();
    if (arguments.show != 0) {
        const sim::Scenario scenario = sim::scenario_of(options, arguments.show);
        fmt::print("{}", to_string(scenario));
        const auto result = sim::run(scenario, {.tell = tell});
        return result.score.findings.empty() ? ExitCode::success : ExitCode::failure;
    }
    options.progress = progress_of(options.seeds);
    const sim::Report report = sim::run(options);
    fmt::print("{}", to_text(report));
    if (!arguments.json.empty() && !(std::ofstream(arguments.json) << to_json(report))) {
        fmt::print(stderr, "simulate: cannot write {}\n", arguments.json);
        return ExitCode::usage;
    }
    for (const sim::Guilt& guilt : report.guilt)
        fmt::print("seed {} at {:.1f} s  {}: {}\n", guilt.seed, sim::in_seconds(guilt.finding.at),
                   to_string(guilt.finding.fault), guilt.finding.text);
    keep_failures(arguments, options, report);
    const auto slow = slow_verdicts(report);
    for (const std::string& text : slow)
        fmt::print("{}\n", text);
    return report.is_clean() && slow.empty() ? ExitCode::success : ExitCode::failure;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app(
        "Runs the shipping controller over a virtual Internet in virtual time, and judges "
        "its verdicts and moves.\nExit status: 0 nothing was found, 1 something was, 64 "
        "the command line is wrong.",
        "tools/simulate");
    app.add_option("--seeds", arguments.seeds, "how many random runs")->capture_default_str();
    app.add_option("--first", arguments.first, "the first seed")->capture_default_str();
    app.add_option("--hours", arguments.hours, "virtual hours of each run")
        ->capture_default_str()
        ->check(CLI::Range(0.1, 1000.0));
    app.add_option("--profile", arguments.profile, "of detection; without it all three in turn")
        ->check(CLI::IsMember({"careful", "quick", "fast"}));
    app.add_option("--scenario", arguments.scenarios,
                   "play these files instead, and hold them against what they expect");
    app.add_option("--json", arguments.json, "write the report here");
    app.add_option("--failures", arguments.failures, "folder for shrunk failing runs")
        ->capture_default_str();
    app.add_option("--threads", arguments.threads, "default: one a processor");
    app.add_option("--uplinks", arguments.uplinks, "of the box")
        ->capture_default_str()
        ->check(CLI::Range(2, 3));
    app.add_option("--sets", arguments.sets, "prefix sets of the box")
        ->capture_default_str()
        ->check(CLI::Range(1, 31));
    app.add_option("--show", arguments.show, "print this seed's scenario and what happens in it");
    app.add_flag("--draw", arguments.is_drawing, "print the scenario with its timeline drawn anew");
    app.add_flag("--quiet", arguments.is_quiet, "of a scenario only the outcome");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : to_int(ExitCode::usage);
    }
    try {
        return to_int(arguments.scenarios.empty() ? play_seeds(arguments) : play_all(arguments));
    } catch (const std::exception& error) {
        fmt::print(stderr, "simulate: {}\n", error.what());
        return to_int(ExitCode::usage);
    }
}
