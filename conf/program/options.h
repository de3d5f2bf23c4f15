// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The part of the command line that all of detour's programs share: --config, --run-dir,
// --state-dir, --version and --help. A program makes a CLI::App, adds these and its own, and
// parses:
//
//     CLI::App app("The data plane.", "detour-dataplane");
//     program::Options options;
//     program::add_options(app, options);
//     if (const auto code = program::parse(app, argc, argv))
//         return program::to_int(*code);
//
// Called once, at the top of main.
#pragma once

#include <filesystem>
#include <optional>

#include "conf/program/exit_code.h"
#include "conf/program/paths.h"

namespace CLI {
class App;
}

namespace detour::program {

struct Options {
    std::filesystem::path config_file{default_config_file};
    std::filesystem::path run_dir{default_run_dir};
    std::filesystem::path state_dir{default_state_dir};

    // The names of what lives in the run directory.
    [[nodiscard]] RunDir run() const { return RunDir(run_dir); }
};

// `options` must outlive the app; it holds the defaults until parse() returns.
void add_options(CLI::App& app, Options& options);

// Nothing: go on. Otherwise end with this code: --help and --version were answered on stdout
// (success), or what is wrong was said on stderr (usage).
[[nodiscard]] std::optional<ExitCode> parse(CLI::App& app, int argc, const char* const* argv);

}  // namespace detour::program
