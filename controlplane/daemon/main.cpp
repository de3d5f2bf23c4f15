// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detourd: the control plane.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <expected>
#include <fstream>
#include <iostream>
#include <memory>

#include "conf/program/options.h"
#include "conf/revision/choice.h"
#include "controlplane/daemon/config_desk.h"
#include "controlplane/daemon/daemon.h"
#include "controlplane/io/clock.h"
#include "controlplane/observe/log.h"

namespace {

using namespace detour;

int cannot_start(program::ExitCode code, const std::string& message) {
    std::cerr << "detourd: " << message << "\n";
    return program::to_int(code);
}

// Held until the process ends: one detourd a run directory.
std::expected<int, std::string> lock(const program::RunDir& run) {
    std::error_code error;
    std::filesystem::create_directories(run.path(), error);
    const std::filesystem::path file = run.lock_file("detourd");
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return std::unexpected(
            fmt::format("cannot open {}: {}; check --run-dir and its permissions", file.string(),
                        std::strerror(errno)));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return std::unexpected(fmt::format(
            "another detourd holds {}; stop it, or choose another --run-dir", file.string()));
    }
    return fd;
}

int run(int argc, char** argv) {
    CLI::App app("The control plane: BGP, probes, decisions, and the kernel's routes.", "detourd");
    program::Options options;
    program::add_options(app, options);
    std::string log = "info";
    app.add_option("--log", log,
                   "What is said on stderr: a level (debug, info, warning, error, off), and other "
                   "levels for rooms: warning,bgp=debug")
        ->type_name("LEVEL[,ROOM=LEVEL]...")
        ->envname("DETOUR_LOG")
        ->check(CLI::Validator(
            [](const std::string& text) {
                const auto parsed = observe::parse_log_options(text);
                return parsed ? std::string() : parsed.error();
            },
            "", "levels"))
        ->capture_default_str();
    if (const auto code = program::parse(app, argc, argv))
        return program::to_int(*code);

    auto choice = revision::choose({.config_file = options.config_file,
                                    .state_dir = options.state_dir,
                                    .plane = revision::Plane::control,
                                    .control = revision::Peer::absent,
                                    .boot = revision::boot_id(),
                                    .now = io::wall_now()});
    if (!choice) {
        std::cerr << model::to_string(choice.error());
        return cannot_start(program::ExitCode::configuration,
                            "the configuration has errors; detour check shows them");
    }
    const program::RunDir run_dir = options.run();
    if (!run_dir.has_room_for_sockets())
        return cannot_start(
            program::ExitCode::usage,
            fmt::format("{} is too long for a Unix socket; choose a shorter --run-dir",
                        run_dir.path().string()));
    const auto locked = lock(run_dir);
    if (!locked)
        return cannot_start(program::ExitCode::failure, locked.error());
    auto passwords = daemon::read_passwords(choice->config);
    if (!passwords)
        return cannot_start(program::ExitCode::configuration, passwords.error());
    auto daemon = daemon::Daemon::open(options, std::move(*choice), std::move(*passwords),
                                       *observe::parse_log_options(log));
    if (!daemon)
        return cannot_start(program::ExitCode::failure, daemon.error());
    (*daemon)->run();
    return program::to_int(program::ExitCode::success);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        return cannot_start(detour::program::ExitCode::failure, error.what());
    }
}
