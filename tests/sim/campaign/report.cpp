// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/sim/campaign/campaign.h"

namespace sim {
namespace {

using detour::model::Profile;

constexpr std::array profiles{Profile::careful, Profile::quick, Profile::fast};

std::string_view profile_name(std::size_t index) {
    return detour::model::to_string(profiles.at(index));
}

double quantile(const std::vector<double>& sorted, double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted.at(std::min(index, sorted.size() - 1));
}

// The goals, in milliseconds.
struct Goal {
    double median;
    double p99;
};
constexpr std::array goals{Goal{7000, 9000}, Goal{4000, 5000}, Goal{400, 700}};

// A zero out of N says: at most 3 out of N, with 95 % confidence.
std::string bound(std::uint64_t count, double out_of, const char* unit) {
    if (count != 0)
        return {};
    return out_of <= 0 ? " (of none)" : fmt::format(" (95 %: below {:.2g} {})", 3 / out_of, unit);
}

}  // namespace

std::string to_json(const Report& report) {
    nlohmann::ordered_json json;
    json["seeds"] = report.seeds;
    json["box_hours"] = report.box_hours;
    json["speedup"] = report.speedup();
    json["missed_nullroutes"] = report.count(Fault::missed);
    json["wrong_nullroute_verdicts"] = report.count(Fault::wrong);
    json["needless_moves"] = report.count(Fault::needless);
    json["invariant_violations"] = report.count(Fault::violation);
    for (std::size_t i = 0; i < profiles.size(); ++i) {
        auto& of_profile = json["verdict_ms"][std::string(profile_name(i))];
        const auto& times = report.verdict_ms.at(i);
        of_profile["median"] = nullptr;
        of_profile["p99"] = nullptr;
        if (times.empty())
            continue;
        of_profile["median"] = quantile(times, 0.5);
        of_profile["p99"] = quantile(times, 0.99);
    }
    return json.dump(2) + "\n";
}

std::vector<std::string> slow_verdicts(const Report& report) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
        const auto& times = report.verdict_ms.at(i);
        // The p99 of a handful is its slowest.
        if (times.size() < 100)
            continue;
        if (quantile(times, 0.5) > goals.at(i).median || quantile(times, 0.99) > goals.at(i).p99)
            texts.push_back(fmt::format("{}: verdicts are slower than {:g} / {:g} ms",
                                        profile_name(i), goals.at(i).median, goals.at(i).p99));
    }
    return texts;
}

std::string to_text(const Report& report) {
    const double hours = report.box_hours;
    const auto interruptions = static_cast<double>(report.interruptions);
    std::string text = fmt::format(
        "{} runs, {:.0f} box-hours in {:.0f} s ({:.0f} s of processor): {:.0f} times as fast as "
        "life\n",
        report.seeds, hours, report.wall_seconds, report.processor_seconds, report.speedup());
    const auto row = [&](const char* name, Fault fault, double out_of, const char* unit) {
        const std::uint64_t count = report.count(fault);
        text += fmt::format("  {:28} {:>6}{}\n", name, count, bound(count, out_of, unit));
    };
    row("missed null routes", Fault::missed, interruptions, "of those owed a verdict");
    row("wrong null-route verdicts", Fault::wrong, hours, "per box-hour");
    row("needless moves", Fault::needless, hours, "per box-hour");
    row("invariant violations", Fault::violation, hours, "per box-hour");
    text += fmt::format(
        "  {} interruptions owed a verdict, {} brief outages acted on, {} moves, {} probes\n",
        report.interruptions, report.brief, report.moves, report.probes);
    for (std::size_t i = 0; i < profiles.size(); ++i) {
        const auto& times = report.verdict_ms.at(i);
        if (times.empty())
            continue;
        text += fmt::format("  {:8} verdict after {:.2f} s median, {:.2f} s p99, of {}\n",
                            profile_name(i), quantile(times, 0.5) / 1000,
                            quantile(times, 0.99) / 1000, times.size());
    }
    return text;
}

}  // namespace sim
