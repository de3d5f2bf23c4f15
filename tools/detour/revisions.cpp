// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour revisions: what ran, since when, who wanted it and why. From the disk: works while detourd
// is away.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "conf/revision/store.h"
#include "tools/detour/change.h"
#include "tools/detour/terminal.h"
#include "tools/detour/time_text.h"

namespace detour::command {
namespace {

using nlohmann::json;

std::string json_time(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count())),
                       milliseconds);
}

std::string_view mark(const revision::Revision& revision, const revision::Standing& standing) {
    if (revision.number != standing.current)
        return "";
    return standing.trial ? "on trial" : "runs";
}

void print(const revision::Revision& revision, const revision::Standing& standing, Clock clock) {
    const std::string_view state = mark(revision, standing);
    const std::string of = revision.of ? fmt::format(" to {}", *revision.of) : "";
    fmt::print("{:>6}  {}  {:<14} {:<12} {}{}\n", revision.number,
               time_text(json_time(revision.at), clock),
               fmt::format("{}{}", to_string(revision.kind), of), revision.actor, revision.reason,
               state.empty() ? "" : "  " + styled(fmt::format("<- {}", state), Style::strong));
}

int revisions(const Context& context, std::size_t count) {
    const revision::Store store(context.options.state_dir);
    auto list = store.list();
    if (list.empty())
        return refuse(context, fmt::format("no revisions stand in {}; is this the --state-dir?",
                                           store.directory().string()));
    std::ranges::reverse(list);
    list.resize(std::min(list.size(), count));
    const revision::Standing standing = store.standing();
    if (context.output == Output::text) {
        for (const auto& revision : list)
            print(revision, standing, context.clock);
        return exit_code::ok;
    }
    json rows = json::array();
    for (const auto& revision : list)
        rows.push_back({{"revision", revision.number},
                        {"time", json_time(revision.at)},
                        {"kind", to_string(revision.kind)},
                        {"of", revision.of ? json(*revision.of) : json(nullptr)},
                        {"actor", revision.actor},
                        {"reason", revision.reason},
                        {"digest", revision.digest},
                        {"state", mark(revision, standing)}});
    fmt::print("{}\n",
               json{{"schema_version", schema_version}, {"revisions", std::move(rows)}}.dump(2));
    return exit_code::ok;
}

}  // namespace

Action declare_revisions(CLI::App& arguments) {
    const auto count = std::make_shared<std::size_t>(20);
    arguments.add_option("-n,--count", *count, "So many, the newest first")
        ->type_name("COUNT")
        ->capture_default_str();
    return [count](const Context& context) { return revisions(context, *count); };
}

}  // namespace detour::command
