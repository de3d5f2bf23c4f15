// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The supervisor's side channel: systemd's notification protocol (sd_notify(3), FDSTORE), which
// `detour run` speaks too. The data plane says when it is ready, and hands over one detached queue
// of each twin; while the keeper holds it, the death of this process changes nothing in the kernel
// (design.md 2.4). Queues that a previous instance left there come back as LISTEN_FDS.
//
// The few datagrams are written here and not through libsystemd, which would be the only use of it.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/error.h"

namespace detour::engine {

// A descriptor that a keeper gave back, with the name it was stored under.
struct KeptDescriptor {
    std::string name;
    Descriptor descriptor;
};

// What LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES promise the process `pid`; names are empty when
// fewer were given than descriptors. Nothing when the variables are absent, unreadable or for
// another process. Does not touch descriptors.
[[nodiscard]] std::vector<std::string> listed_names(const char* listen_pid, const char* listen_fds,
                                                    const char* listen_names, int pid);

class Keeper {
 public:
    // Reads NOTIFY_SOCKET and takes what LISTEN_FDS passed; clears these variables. Once, at the
    // start of the process.
    [[nodiscard]] static Keeper from_environment();

    // There is a socket to talk to: somebody supervises us, and may keep descriptors.
    [[nodiscard]] bool is_there() const { return !socket_path_.empty(); }
    // What was handed back; ours to close, the keeper has its own.
    [[nodiscard]] std::vector<KeptDescriptor>& kept() { return kept_; }
    [[nodiscard]] bool keeps(std::string_view name) const;

    // Datagrams to the keeper; without one they do nothing.
    [[nodiscard]] std::expected<void, Error> store(std::string_view name, int descriptor);
    // Best effort: what a keeper still holds of an interface that nobody wants any more.
    void remove(std::string_view name);
    void say_ready(std::string_view status);
    void say_stopping();

 private:
    [[nodiscard]] std::expected<void, Error> send(std::string_view text,
                                                  std::optional<int> descriptor);

    std::string socket_path_;  // a leading '@' means the abstract name space
    Descriptor socket_;
    std::vector<KeptDescriptor> kept_;
};

}  // namespace detour::engine
