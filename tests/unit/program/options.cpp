// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/options.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "conf/program/version.h"

using detour::program::ExitCode;
using detour::program::Options;

namespace {

struct Outcome {
    std::optional<ExitCode> code;
    Options options;
    std::string out;
    std::string err;
};

Outcome parse(std::vector<const char*> arguments) {
    Outcome outcome;
    CLI::App app("A plane.", "detour-plane");
    detour::program::add_options(app, outcome.options);
    arguments.insert(arguments.begin(), "detour-plane");
    std::ostringstream out;
    std::ostringstream err;
    auto* const stdout_buffer = std::cout.rdbuf(out.rdbuf());
    auto* const stderr_buffer = std::cerr.rdbuf(err.rdbuf());
    outcome.code =
        detour::program::parse(app, static_cast<int>(arguments.size()), arguments.data());
    std::cout.rdbuf(stdout_buffer);
    std::cerr.rdbuf(stderr_buffer);
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
}

}  // namespace

TEST_CASE("without arguments a program runs as the host's one box") {
    const Outcome outcome = parse({});
    CHECK_FALSE(outcome.code);
    CHECK(outcome.options.config_file == "/etc/detour/detour.yaml");
    CHECK(outcome.options.run_dir == "/run/detour");
    CHECK(outcome.options.state_dir == "/var/lib/detour");
}

TEST_CASE("each directory and the configuration can be chosen") {
    const Outcome outcome =
        parse({"--config", "a.yaml", "--run-dir", "/run/b", "--state-dir=/var/lib/b"});
    CHECK_FALSE(outcome.code);
    CHECK(outcome.options.config_file == "a.yaml");
    CHECK(outcome.options.run().path() == "/run/b");
    CHECK(outcome.options.state_dir == "/var/lib/b");
}

TEST_CASE("--version and --help are answered on stdout and end well") {
    const Outcome version = parse({"--version"});
    CHECK(version.code == ExitCode::success);
    CHECK(version.out == detour::program::version_line("detour-plane") + "\n");
    CHECK(version.out.starts_with("detour-plane 0."));
    CHECK(version.err.empty());

    const Outcome help = parse({"--help"});
    CHECK(help.code == ExitCode::success);
    for (const char* option : {"--version", "--help", "--config FILE", "--run-dir DIR",
                               "--state-dir DIR", "/etc/detour/detour.yaml"}) {
        CAPTURE(option);
        CHECK(help.out.find(option) != std::string::npos);
    }
}

TEST_CASE("a wrong command line is said on stderr and ends with the usage code") {
    const std::string long_dir = "/" + std::string(90, 'x');
    for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--colour"},
                                                      {"--config"},
                                                      {"--run-dir", long_dir.c_str()},
                                                      {"stray"}}) {
        const Outcome outcome = parse(arguments);
        CHECK(outcome.code == ExitCode::usage);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("detour-plane: "));
    }
    CHECK(detour::program::is_permanent(64));
    CHECK(detour::program::is_permanent(78));
    CHECK_FALSE(detour::program::is_permanent(1));
}
