// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A box under test: the shipping `detour run` as a process, with obedient planes
// (obedient_plane.cpp) beside it, in directories of its own. Everything waits for events, at most
// ten seconds; nothing sleeps. The box and its planes are killed when it goes out of scope.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/detour/supervise/descriptor.h"

namespace detour::test {

// The test's end of one plane's control connection: one incarnation of it.
class PlaneControl {
 public:
    explicit PlaneControl(supervise::Descriptor connection);

    // What it said when it started.
    nlohmann::json hello;

    [[nodiscard]] pid_t pid() const { return hello.at("pid").get<pid_t>(); }
    [[nodiscard]] std::string name() const { return hello.at("name").get<std::string>(); }
    // Sends a command and waits until it is carried out.
    void tell(const std::string& command);
    // Sends a command that is not answered.
    void tell_last(const std::string& command);
    // Stores a new file with the keeper; its inode.
    [[nodiscard]] unsigned long store(const std::string& name);
    // The next message; nothing when the plane is gone.
    [[nodiscard]] std::optional<nlohmann::json> next();
    // It ended, having reported these messages.
    [[nodiscard]] std::vector<nlohmann::json> wait_for_end();

 private:
    supervise::Descriptor connection_;
};

class Box {
 public:
    // What is installed beside `detour`.
    enum class Planes { both, dataplane_only, none };

    explicit Box(Planes planes = Planes::both);
    ~Box();
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;

    // Starts `detour ARGUMENTS --run-dir .. --state-dir ..`, by default as "run" (of what is
    // installed only) with the minimal example.
    void start(std::vector<std::string> arguments = {});
    // The next plane that starts.
    [[nodiscard]] PlaneControl next_plane();
    void signal(int number) const;
    // Until a line of detour's stderr contains this.
    void wait_for_line(const std::string& part);
    // The exit code; -N when it was killed by signal N.
    [[nodiscard]] int wait_for_end();
    // Where `detour run` says READY=1, as if we were systemd. Before start().
    void supervise();
    [[nodiscard]] std::string next_notification() const;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::filesystem::path& run_dir() const { return run_dir_; }
    // Before start().
    void share_run_dir(const Box& other) { run_dir_ = other.run_dir_; }
    // All that detour wrote to stderr until now, lines that were waited for included.
    [[nodiscard]] const std::string& errors() const { return errors_; }

 private:
    Planes planes_;
    std::filesystem::path directory_;
    std::filesystem::path run_dir_;
    supervise::Descriptor listener_;
    supervise::Descriptor error_stream_;
    supervise::Descriptor own_supervisor_;
    std::string errors_;
    std::size_t seen_ = 0;
    pid_t pid_ = 0;
    std::vector<pid_t> plane_pids_;
};

}  // namespace detour::test
