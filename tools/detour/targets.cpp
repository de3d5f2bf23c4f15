// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/look.h"

namespace detour::command {
namespace {

using nlohmann::json;

// Fewer probes are no opinion.
constexpr std::size_t enough = 3;
// detection.md section 1: a target that is nearer may well stand inside the provider.
constexpr double near_ms = 3;

struct Count {
    std::size_t sent = 0;
    std::size_t lost = 0;

    void add(const json& row) {
        sent += row.value("sent", std::size_t{0});
        lost += row.value("lost", std::size_t{0});
    }
    [[nodiscard]] bool is_dead() const { return sent >= enough && lost == sent; }
    [[nodiscard]] bool is_alive() const { return lost < sent; }
    [[nodiscard]] std::string to_text() const {
        return sent == 0 ? "-"
                         : fmt::format(
                               "{:.0f} % of {}",
                               100.0 * static_cast<double>(sent - lost) / static_cast<double>(sent),
                               sent);
    }
};

// What one target answered by one uplink.
struct Answers {
    Count outside;  // C and T by ICMP: from the control source
    Count second;   // C and B by TCP or UDP
    Count block;    // B and E by ICMP: from the blocks
    std::optional<double> fastest_ms;
    std::string second_name;

    void add(const json& row) {
        const std::string kind = row.value("kind", "icmp");
        const std::string of_class = text_of(row, "class");
        if (kind != "icmp") {
            second.add(row);
            second_name = kind;
            return;
        }
        const bool is_outside = of_class == "control" || of_class == "tunnel";
        (is_outside ? outside : block).add(row);
        const json& ms = row.at("median_ms");
        if (is_outside && ms.is_number())
            fastest_ms = std::min(fastest_ms.value_or(ms), ms.get<double>());
    }
    [[nodiscard]] std::vector<std::string> advice(double nearest_ms) const {
        std::vector<std::string> said;
        if (outside.is_dead())
            said.emplace_back("silent by this uplink: take another host");
        if (outside.is_alive() && block.is_dead())
            said.emplace_back("does not reach the blocks");
        if (outside.is_alive() && second.is_dead())
            said.emplace_back(fmt::format("does not answer {}: another second-kind, or none",
                                          second_name == "udp" ? "UDP" : "TCP"));
        if (fastest_ms && *fastest_ms < nearest_ms)
            said.emplace_back("nearer than 3 ms: does it lie beyond the provider?");
        return said;
    }
};

using Targets = std::map<std::string, std::map<std::string, Answers>>;  // target, uplink

Targets targets_of(const json& probes) {
    Targets targets;
    for (const json& row : probes.at("ways"))
        if (const std::string target = text_of(row, "target"); !target.empty())
            targets[target][text_of(row, "uplink")].add(row);
    return targets;
}

void add_targets(TargetsReport& report, const Targets& targets, const json& status) {
    // The hosts of profile fast are the operator's own, in a lab or on a cross-connect.
    const double nearest_ms = text_of(status, "profile") == "fast" ? 0 : near_ms;
    report.text += fmt::format("{:<24} {:<14} {:>14} {:>14} {:>14} {:>8}\n", "target", "by",
                               "outside", "second kind", "block", "ms");
    for (const auto& [target, uplinks] : targets) {
        std::string first = target;
        for (const auto& [uplink, answers] : uplinks) {
            report.text += fmt::format(
                "{:<24} {:<14} {:>14} {:>14} {:>14} {:>8}\n", first, uplink,
                answers.outside.to_text(), answers.second.to_text(), answers.block.to_text(),
                answers.fastest_ms ? fmt::format("{:.1f}", *answers.fastest_ms) : "-");
            first.clear();
            for (const std::string& said : answers.advice(nearest_ms)) {
                report.text += fmt::format("{:<24} {}\n", "", styled(said, Style::yellow));
                report.code = exit_code::attention;
            }
        }
    }
}

// A control source that reaches nobody is not routed to its uplink.
void add_sources(TargetsReport& report, const Targets& targets) {
    std::map<std::string, Count> sources;
    for (const auto& [target, uplinks] : targets)
        for (const auto& [uplink, answers] : uplinks) {
            sources[uplink].sent += answers.outside.sent;
            sources[uplink].lost += answers.outside.lost;
        }
    report.text += "\ncontrol sources\n";
    for (const auto& [uplink, count] : sources) {
        const bool is_dead = count.is_dead();
        report.text += fmt::format(
            "  {:<14} {}{}\n", uplink, count.to_text(),
            is_dead
                ? styled("  reaches nobody: does the provider route it to this uplink?", Style::red)
                : "");
        if (is_dead)
            report.code = exit_code::attention;
    }
}

void add_fates(TargetsReport& report, const json& status) {
    report.text += "\nshared fate (upstreams, AS paths)\n";
    bool is_any = false;
    for (const json& uplink : status.value("uplinks", json::array()))
        for (const json& other : uplink.value("shares_fate_with", json::array())) {
            is_any = true;
            report.code = exit_code::attention;
            report.text += fmt::format(
                "  {}\n",
                styled(
                    fmt::format("{} leads through {}'s AS: no way out of what is dropped inside it",
                                text_of(uplink, "name"), other.get<std::string>()),
                    Style::yellow));
        }
    if (!is_any)
        report.text += "  none seen\n";
}

}  // namespace

TargetsReport targets_report(const json& probes, const json& status) {
    TargetsReport report;
    const Targets targets = targets_of(probes);
    report.text = fmt::format("the last {} of probing\n", short_age(probes.at("window_s")));
    if (targets.empty()) {
        report.text += "nothing was heard of any target yet\n";
        report.code = exit_code::attention;
        return report;
    }
    add_targets(report, targets, status);
    add_sources(report, targets);
    add_fates(report, status);
    return report;
}

Action declare_targets(CLI::App& arguments) {
    arguments.footer(
        "outside: asked from the control source; block: from inside the sets. Give it some minutes "
        "after a start.\n"
        "Exit status: 0 all work, 1 something is to be changed, 2 error, 3 detourd does not "
        "answer.\n");
    return [](const Context& context) {
        return look(context, "/v1/probes", {}, [&context](const json& probes) {
            const Reply status = client_of(context).get("/v1/status");
            if (!status)
                return fail(status.error(), context.output);
            const TargetsReport report = targets_report(probes, *status);
            fmt::print("{}", report.text);
            return report.code;
        });
    };
}

}  // namespace detour::command
