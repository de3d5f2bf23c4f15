// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour doctor: what is wrong with this host for a box like this one, each with the command that
// mends it. Needs no daemon. Exit 0 healthy, 1 warnings, 2 errors.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "conf/model/load.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/doctor/finding.h"
#include "tools/detour/doctor/host.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace doctor {

std::size_t Findings::count(Level level) const {
    return static_cast<std::size_t>(std::ranges::count(list_, level, &Finding::level));
}

std::span<const Check> checks() {
    static constexpr std::array<Check, 10> all{
        check_memory,  check_cores,    check_clock,          check_devices,    check_features,
        check_sysctls, check_managers, check_foreign_routes, check_management, check_far_ends};
    return all;
}

namespace {

std::string_view name_of(Level level) {
    static constexpr std::array names{"ok", "not checked", "warning", "error"};
    return names[static_cast<std::size_t>(level)];
}

Style style_of(Level level) {
    static constexpr std::array styles{Style::green, Style::plain, Style::yellow, Style::red};
    return styles[static_cast<std::size_t>(level)];
}

void print(const Finding& finding) {
    constexpr std::size_t indent = 12;
    fmt::print("{}\n", folded(fmt::format("{} {}: {}",
                                          styled(fmt::format("{:<11}", name_of(finding.level)),
                                                 style_of(finding.level)),
                                          styled(finding.check, Style::strong), finding.text),
                              indent));
    // To be typed as it stands: never folded.
    if (!finding.mend.empty())
        fmt::print("            mend: {}\n", finding.mend);
}

// The worst first; what is well in one line, unless all is wanted.
void print_text(const Findings& findings, bool has_all) {
    for (const Level level : {Level::error, Level::warning, Level::not_checked, Level::ok})
        for (const Finding& finding : findings.list())
            if (finding.level == level && (level != Level::ok || has_all))
                print(finding);
    if (!has_all) {
        std::vector<std::string> well;
        for (const Finding& finding : findings.list())
            if (finding.level == Level::ok && std::ranges::find(well, finding.check) == well.end())
                well.push_back(finding.check);
        fmt::print("{} {}\n", styled(fmt::format("{:<11}", "ok"), Style::green),
                   fmt::join(well, ", "));
    }
    fmt::print("{} errors, {} warnings, {} not checked, {} ok\n", findings.count(Level::error),
               findings.count(Level::warning), findings.count(Level::not_checked),
               findings.count(Level::ok));
}

void print_json(const Findings& findings, int code) {
    auto list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings.list())
        list.push_back({{"check", finding.check},
                        {"level", name_of(finding.level)},
                        {"text", finding.text},
                        {"mend", finding.mend}});
    fmt::print("{}\n", nlohmann::ordered_json{{"schema_version", schema_version},
                                              {"errors", findings.count(Level::error)},
                                              {"warnings", findings.count(Level::warning)},
                                              {"exit_code", code},
                                              {"findings", std::move(list)}}
                           .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int examine(const Context& context, bool has_all) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return fail({ClientError::Kind::refused,
                     fmt::format("{} has errors, and without it there is nothing to examine for: "
                                 "detour check says which",
                                 context.options.config_file.string()),
                     {}},
                    context.output);
    const program::RunDir run = context.options.run();
    const bool is_controlled = is_locked(run.lock_file("detourd"));
    const Patient patient{.config = *config,
                          .run = run,
                          .is_forwarding = config->dataplane.kind == model::DataplaneKind::dpdk
                                               ? is_locked(run.lock_file("detour-dataplane"))
                                               : is_controlled,
                          .is_controlled = is_controlled};
    Findings findings;
    const bool is_watched = context.output == Output::text && ::isatty(STDERR_FILENO) == 1;
    for (std::size_t i = 0; i < checks().size(); ++i) {
        if (is_watched)
            fmt::print(stderr, "\rlooking, {} of {} ", i + 1, checks().size());
        checks()[i](patient, findings);
    }
    if (is_watched)
        fmt::print(stderr, "\r\033[K");
    const int code = findings.count(Level::error) > 0     ? 2
                     : findings.count(Level::warning) > 0 ? 1
                                                          : 0;
    if (context.output == Output::json)
        print_json(findings, code);
    else
        print_text(findings, has_all);
    return code;
}

}  // namespace
}  // namespace doctor

Action declare_doctor(CLI::App& arguments) {
    const auto has_all = std::make_shared<bool>(false);
    arguments.add_flag("--all", *has_all, "What is well too, in full");
    arguments.footer(
        "Looks and asks, and changes nothing; runs with and without the daemons. As root it sees "
        "more.\nExit status: 0 healthy, 1 warnings, 2 errors.\n");
    return [has_all](const Context& context) { return doctor::examine(context, *has_all); };
}

}  // namespace detour::command
