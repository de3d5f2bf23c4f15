// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the detour command can do. Each verb is one entry of the table in verbs.cpp and one source
// named after it; a new verb is a line there. A verb declares its own arguments on its CLI
// subcommand and gives back what to do once they are parsed. Options that all verbs share
// (--config,
// --run-dir, -j) may stand before or behind the verb.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "conf/program/options.h"

namespace detour::command {

enum class Output { text, json };

// What the shared options said; valid when a verb runs.
struct Context {
    program::Options options;
    Output output = Output::text;
};

// Returns the exit code.
using Action = std::function<int(const Context&)>;

struct Verb {
    std::string_view name;
    std::string_view summary;
    Action (*declare)(CLI::App& arguments);
};

[[nodiscard]] std::span<const Verb> verbs();

// Of every JSON document on stdout; raised when a reader of the old form would misread the new.
inline constexpr int schema_version = 1;

// The verbs' declarations, each in the source of its name.
[[nodiscard]] Action declare_abort(CLI::App& arguments);
[[nodiscard]] Action declare_check(CLI::App& arguments);
[[nodiscard]] Action declare_run(CLI::App& arguments);
[[nodiscard]] Action declare_events(CLI::App& arguments);
[[nodiscard]] Action declare_failback(CLI::App& arguments);
[[nodiscard]] Action declare_move(CLI::App& arguments);
[[nodiscard]] Action declare_status(CLI::App& arguments);
[[nodiscard]] Action declare_version(CLI::App& arguments);
[[nodiscard]] Action declare_why(CLI::App& arguments);

}  // namespace detour::command
