// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>

#include "conf/program/version.h"

namespace detour::program {
namespace {

std::string complaint_about_run_dir(const std::string& directory) {
    if (RunDir(directory).has_room_for_sockets())
        return {};
    return fmt::format(
        "{} is too long: the sockets in it would not have a name; choose a shorter path",
        directory);
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
    app.set_version_flag("-V,--version", version_line(app.get_name()),
                         "Print the version and exit");
    app.add_option("-c,--config", options.config_file, "The configuration")
        ->type_name("FILE")
        ->capture_default_str();
    app.add_option("--run-dir", options.run_dir,
                   "Sockets and locks; a box of its own for each directory")
        ->type_name("DIR")
        ->check(CLI::Validator(complaint_about_run_dir, "", "short enough"))
        ->capture_default_str();
    app.add_option("--state-dir", options.state_dir, "What must survive a reboot")
        ->type_name("DIR")
        ->capture_default_str();
}

std::optional<ExitCode> parse(CLI::App& app, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
        return std::nullopt;
    } catch (const CLI::Success& answered) {
        app.exit(answered, std::cout, std::cerr);
        return ExitCode::success;
    } catch (const CLI::ParseError& error) {
        std::cerr << app.get_name() << ": " << error.what() << "\ntry " << app.get_name()
                  << " --help\n";
        return ExitCode::usage;
    }
}

}  // namespace detour::program
