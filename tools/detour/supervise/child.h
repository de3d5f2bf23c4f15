// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Starts a program as systemd would: with $NOTIFY_SOCKET, with what it stored before as descriptors
// from 3 on ($LISTEN_FDS, $LISTEN_FDNAMES, $LISTEN_PID), in a process group of its own (a
// terminal's Ctrl-C reaches us alone, and we stop children in order), with stderr into a pipe to
// us. It is sent SIGTERM when we die without having stopped it.
#pragma once

#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/detour/supervise/descriptor.h"
#include "tools/detour/supervise/descriptor_store.h"

namespace detour::supervise {

struct Command {
    std::string name;  // as messages call it
    std::filesystem::path executable;
    std::vector<std::string> arguments;  // without the program's own name
};

struct Child {
    pid_t pid = 0;
    Descriptor error_stream;  // not blocking; what it writes to stderr
};

// The error is a sentence. Called by a process with one thread.
[[nodiscard]] std::expected<Child, std::string> start(const Command& command,
                                                      const std::filesystem::path& notify_socket,
                                                      const DescriptorStore& store);

// "exit code 3", "killed by SIGSEGV (core dumped)"; `status` is waitpid's.
[[nodiscard]] std::string describe_end(int status);

}  // namespace detour::supervise
