// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where one box keeps its things. The run directory is the box's identity on a host: every name
// that two boxes could collide on is inside it or derived from it, so two boxes with two run
// directories never meet. Whoever needs such a name asks here; nobody composes one elsewhere.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace detour::program {

inline constexpr std::string_view default_config_file = "/etc/detour/detour.yaml";
inline constexpr std::string_view default_run_dir = "/run/detour";
inline constexpr std::string_view default_state_dir = "/var/lib/detour";

class RunDir {
 public:
    // Two spellings of one directory (relative, "..", symbolic links, a slash at the end) give the
    // same names; the directory need not exist.
    explicit RunDir(const std::filesystem::path& directory);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    // detourd's HTTP interface, a Unix socket.
    [[nodiscard]] std::filesystem::path api_socket() const { return path_ / "api.sock"; }
    // The data plane's, for `detour capture` (conf/program/capture.h).
    [[nodiscard]] std::filesystem::path capture_socket() const { return path_ / "capture.sock"; }
    // Held (flock) by the one running instance of a program: "detour-dataplane", "detourd".
    [[nodiscard]] std::filesystem::path lock_file(std::string_view program) const;
    // `detour run`'s end of systemd's notification protocol.
    [[nodiscard]] std::filesystem::path notify_socket() const { return path_ / "notify.sock"; }
    // `freeze` works without a daemon: while this file exists, nothing is moved.
    [[nodiscard]] std::filesystem::path freeze_file() const { return path_ / "freeze"; }
    // Who ended the freeze, and why; until detourd has read it.
    [[nodiscard]] std::filesystem::path thaw_file() const { return path_ / "thaw"; }

    // DPDK's --file-prefix: "detour-" and eight hexadecimal digits.
    [[nodiscard]] std::string eal_file_prefix() const;
    // DPDK keeps its runtime files in $RUNTIME_DIRECTORY/dpdk/PREFIX; detour-dataplane sets that
    // variable to path() before it starts the EAL, so that the readers find the socket whatever
    // environment either side was started with.
    [[nodiscard]] std::filesystem::path telemetry_socket() const;

    // A Unix socket's path has at most 107 bytes; the longest name above must fit.
    [[nodiscard]] bool has_room_for_sockets() const;

 private:
    std::filesystem::path path_;
};

}  // namespace detour::program
