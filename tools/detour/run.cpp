// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour run: both planes in the foreground, for a container, a lab, or a person who wants to
// watch.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "conf/model/load.h"
#include "tools/detour/supervise/supervisor.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using program::ExitCode;

// The programs that make a box, in the order of starting; they stand beside this one.
struct Plane {
    std::string_view name;
    bool (*is_wanted)(const model::Config&);
};

constexpr std::array planes{
    Plane{"detour-dataplane",
          [](const model::Config& config) {
              return config.dataplane.kind == model::DataplaneKind::dpdk;
          }},
    Plane{"detourd", [](const model::Config&) { return true; }},
};

std::vector<std::string> names_of_planes() {
    std::vector<std::string> names;
    names.reserve(planes.size());
    for (const Plane& plane : planes)
        names.emplace_back(plane.name);
    return names;
}

int fail(ExitCode code, std::string_view text) {
    fmt::print(stderr, "detour: {}\n", text);
    return program::to_int(code);
}

// Creates the directory when it is missing; empty, or what went wrong.
std::string prepare(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    return error ? fmt::format("cannot create {}: {}", directory.native(), error.message()) : "";
}

// One supervisor a run directory: held until this process ends.
bool lock(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

// All planes that the configuration wants, or the one that `only` names. What the control plane
// says is asked of it in its environment: $DETOUR_LOG.
std::expected<std::vector<supervise::Command>, std::string> commands_for(
    const model::Config& config, const program::Options& options, const std::string& only) {
    const auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::vector<supervise::Command> commands;
    for (const Plane& plane : planes) {
        if (!plane.is_wanted(config) || (!only.empty() && only != plane.name))
            continue;
        const auto executable = directory / plane.name;
        if (::access(executable.c_str(), X_OK) != 0)
            return std::unexpected(fmt::format(
                "there is no {} to run ({}): install it, or build it "
                "(-Ddataplane=enabled); dataplane: {{kind: kernel}} needs no data plane",
                executable.native(), std::strerror(errno)));
        commands.push_back(
            {std::string(plane.name),
             executable,
             {"--config", options.config_file.native(), "--run-dir", options.run().path().native(),
              "--state-dir", options.state_dir.native()}});
    }
    if (commands.empty())
        return std::unexpected(fmt::format("there is no {} in kind kernel: nothing to run", only));
    return commands;
}

int run(const Context& context, Duration stop_time, const std::string& only) {
    const program::Options& options = context.options;
    const auto config = model::load(options.config_file, std::chrono::system_clock::now());
    fmt::print(stderr, "{}", model::to_string(config ? config->warnings : config.error()));
    if (!config)
        return fail(ExitCode::configuration, "the configuration has errors: nothing was started");
    const program::RunDir run_dir = options.run();
    for (const auto& directory : {run_dir.path(), options.state_dir})
        if (const std::string problem = prepare(directory); !problem.empty())
            return fail(ExitCode::configuration, problem);
    if (!lock(run_dir.lock_file("detour")))
        return fail(ExitCode::failure,
                    fmt::format("another detour runs in {}; stop it, or give this one its own "
                                "--run-dir",
                                run_dir.path().native()));
    auto commands = commands_for(*config, options, only);
    if (!commands)
        return fail(ExitCode::configuration, commands.error());
    return supervise::run({.commands = std::move(*commands),
                           .notify_socket = run_dir.notify_socket(),
                           .stop_time = stop_time});
}

}  // namespace

Action declare_run(CLI::App& arguments) {
    const auto stop_time = std::make_shared<std::string>("20s");
    arguments
        .add_option("--stop-time", *stop_time,
                    "How long each plane may take to stop before it is killed")
        ->type_name("TIME")
        ->check(CLI::Validator(
            [](const std::string& text) {
                const auto time = parse_duration(text);
                return time ? std::string() : time.error().message;
            },
            "", "a duration"))
        ->capture_default_str();
    const auto only = std::make_shared<std::string>();
    arguments
        .add_option("--only", *only,
                    "One plane alone: with the data plane, another program (FRR, BIRD, ip) is the "
                    "control plane")
        ->type_name("PLANE")
        ->check(CLI::IsMember(names_of_planes()));
    arguments.footer(
        "$DETOUR_LOG is detourd's --log: a level, and other levels for rooms (detourd --help).\n"
        "SIGTERM and SIGINT stop the planes, a second one kills them; SIGHUP, SIGUSR1 and SIGUSR2 "
        "are\npassed on. Exit status: 0 stopped as asked, 1 failed, 64 wrong usage, 78 wrong "
        "configuration.\n");
    return [stop_time, only](const Context& context) {
        return run(context, parse_duration(*stop_time).value(), *only);
    };
}

}  // namespace detour::command
