// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour plan [FILE]: what the file would change of what runs. Exit 0 nothing, 1 changes are
// pending, 2 the file has errors, 3 nobody knows what runs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/management.h"
#include "tools/detour/running.h"

namespace detour::command {
namespace {

void print(const Comparison& compared, const std::filesystem::path& file) {
    const auto& [running, candidate, difference] = compared;
    if (!running.is_told)
        fmt::print("detourd does not answer: compared with revision {}, which stands on the disk\n",
                   running.number);
    if (running.trial_left)
        fmt::print("revision {} waits for detour confirm: {} left\n", running.number,
                   age(*running.trial_left));
    if (difference.is_empty()) {
        fmt::print("{}: nothing would change, revision {} says the same\n", file.string(),
                   running.number);
        return;
    }
    fmt::print("{} against revision {}\n", file.string(), running.number);
    print_difference(difference);
    if (!candidate.config.warnings.empty())
        fmt::print("warnings: {}; detour check shows them\n", candidate.config.warnings.size());
    if (const std::string why = cut_by(compared.running.config, compared.candidate.config);
        !why.empty())
        fmt::print("next: a console, or another address: from here apply refuses, since {}\n", why);
    else
        fmt::print("next: detour apply --confirm 120s \"why\"\n");
}

int plan(const Context& context, const std::filesystem::path& file) {
    const auto compared = compare(context, file);
    if (!compared)
        return compared.error();
    const model::Difference& difference = compared->difference;
    if (context.output == Output::json) {
        nlohmann::json document = to_json(difference);
        document["schema_version"] = schema_version;
        document["file"] = file.string();
        document["revision"] = compared->running.number;
        document["is_pending"] = !difference.is_empty();
        const std::string why = cut_by(compared->running.config, compared->candidate.config);
        document["refused"] = why.empty() ? nlohmann::json(nullptr) : nlohmann::json(why);
        fmt::print("{}\n", document.dump(2));
    } else {
        print(*compared, file);
    }
    return difference.is_empty() ? exit_code::ok : exit_code::attention;
}

}  // namespace

Action declare_plan(CLI::App& arguments) {
    const auto file = std::make_shared<std::filesystem::path>();
    arguments.add_option("FILE", *file, "The configuration, instead of --config")->type_name("");
    arguments.footer(
        "Exit status: 0 nothing would change, 1 changes are pending, 2 the file has errors, 3 "
        "nobody knows what runs.\n");
    return [file](const Context& context) {
        return plan(context, file->empty() ? context.options.config_file : *file);
    };
}

}  // namespace detour::command
