// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour check [FILE]: everything that is wrong with a configuration, at once. Exit 0 clean, 1
// warnings, 2 errors.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "conf/model/load.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using model::Config;
using model::Diagnostic;
using model::Diagnostics;
using model::Severity;

struct Counts {
    std::size_t errors = 0;
    std::size_t warnings = 0;

    [[nodiscard]] int exit_code() const { return errors > 0 ? 2 : warnings > 0 ? 1 : 0; }
};

Counts count(const Diagnostics& diagnostics) {
    Counts counts;
    for (const Diagnostic& diagnostic : diagnostics) {
        counts.errors += diagnostic.severity == Severity::error ? 1 : 0;
        counts.warnings += diagnostic.severity == Severity::warning ? 1 : 0;
    }
    return counts;
}

std::string plural(std::size_t count, std::string_view thing) {
    return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

// The model's text form, with colour where a person reads it.
void print(const Diagnostic& diagnostic) {
    const Style style = diagnostic.severity == Severity::error     ? Style::red
                        : diagnostic.severity == Severity::warning ? Style::yellow
                                                                   : Style::strong;
    fmt::print("{} {} {}: {}\n{}",
               styled(fmt::format("{}:{}:{}:", diagnostic.file, diagnostic.position.line,
                                  diagnostic.position.column),
                      Style::strong),
               styled(fmt::format("{}:", model::to_string(diagnostic.severity)), style),
               diagnostic.path, diagnostic.message, model::excerpt(diagnostic));
}

// RFC 8212: a neighbour of whose routes nothing was said imports nothing. What is heard of it
// serves as evidence, which is no use of a route; it is said all the same.
std::string unstated_policy(const Config& config) {
    std::vector<std::string> names;
    for (const model::Uplink& uplink : config.uplinks)
        if (uplink.bgp && !uplink.bgp->import)
            names.push_back(uplink.name);
    return names.empty() ? ""
                         : fmt::format("; no import policy, routes are evidence alone: {}",
                                       fmt::join(names, ", "));
}

void print_text(const std::filesystem::path& file, const Config* config,
                const Diagnostics& diagnostics, const Counts& counts) {
    for (const Diagnostic& diagnostic : diagnostics)
        print(diagnostic);
    if (config == nullptr || counts.warnings > 0) {
        fmt::print("{}: {}, {}\n", file.native(), plural(counts.errors, "error"),
                   plural(counts.warnings, "warning"));
        return;
    }
    fmt::print("{}: {}: {}, {}, {}, {}{}\n", file.native(), styled("clean", Style::green),
               plural(config->ports.size(), "port"), plural(config->uplinks.size(), "uplink"),
               plural(config->prefix_sets.size(), "prefix set"),
               plural(config->detect.targets.size(), "target"), unstated_policy(*config));
}

void print_json(const std::filesystem::path& file, const Diagnostics& diagnostics,
                const Counts& counts) {
    auto list = nlohmann::ordered_json::array();
    for (const Diagnostic& diagnostic : diagnostics)
        list.push_back({{"severity", model::to_string(diagnostic.severity)},
                        {"line", diagnostic.position.line},
                        {"column", diagnostic.position.column},
                        {"path", diagnostic.path},
                        {"message", diagnostic.message}});
    const nlohmann::ordered_json document{{"schema_version", schema_version},
                                          {"file", file.native()},
                                          {"errors", counts.errors},
                                          {"warnings", counts.warnings},
                                          {"diagnostics", std::move(list)}};
    // A file in a foreign encoding must not stop its own diagnosis.
    fmt::print("{}\n",
               document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int check(const std::filesystem::path& file, Output output) {
    const auto config = model::load(file, std::chrono::system_clock::now());
    const Diagnostics& diagnostics = config ? config->warnings : config.error();
    const Counts counts = count(diagnostics);
    if (output == Output::json)
        print_json(file, diagnostics, counts);
    else
        print_text(file, config ? &*config : nullptr, diagnostics, counts);
    return counts.exit_code();
}

}  // namespace

Action declare_check(CLI::App& arguments) {
    const auto file = std::make_shared<std::filesystem::path>();
    arguments.add_option("FILE", *file, "The configuration, instead of --config")->type_name("");
    arguments.footer("Exit status: 0 clean, 1 warnings, 2 errors.\n");
    return [file](const Context& context) {
        return check(file->empty() ? context.options.config_file : *file, context.output);
    };
}

}  // namespace detour::command
