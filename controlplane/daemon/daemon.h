// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The composition root: one event-loop thread that owns the controller and everything with a
// descriptor, HTTP threads that read what it publishes, the journal's thread. What happens becomes
// an Input with the time; what comes out is carried out in order; what follows a Persist waits
// until the state is on the disk.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "conf/program/options.h"
#include "conf/revision/choice.h"
#include "controlplane/controller/options.h"
#include "controlplane/observe/log.h"

namespace detour::daemon {

class Daemon {
 public:
    // Opens the journal, sockets and the API. The error is one message that says what to do.
    [[nodiscard]] static std::expected<std::unique_ptr<Daemon>, std::string> open(
        const program::Options& options, revision::Choice choice, controller::Passwords passwords,
        const observe::LogOptions& log);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Until SIGTERM or SIGINT: then the clean stop, which leaves nothing of ours in the kernel.
    // SIGHUP: the configuration is read again.
    void run();

 private:
    struct Implementation;
    explicit Daemon(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace detour::daemon
