// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Keeps children running in the foreground, and keeps what they entrust to it: `detour run` without
// systemd, in a container for example. It speaks systemd's protocol to them (notification.h,
// child.h), so that they need not know which of the two started them.
//
//     starting --READY=1--> up          a child that ends is started again after a wait
//                                       (restart_policy.h) with its stored descriptors, unless its
//                                       exit code says that another try would end the same way:
//                                       then everything is stopped and that code is ours
//     SIGHUP, SIGUSR1, SIGUSR2          go to all children
//     SIGTERM, SIGINT                   stop the children one after another, the last one first:
//                                       SIGTERM, after stop_time SIGKILL; a second signal kills at
//                                       once. When all have ended the stores are let go.
// One thread; run() returns when all children have ended.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "conf/types/duration.h"
#include "tools/detour/supervise/child.h"

namespace detour::supervise {

struct Orders {
    std::vector<Command> commands;        // in the order of starting
    std::filesystem::path notify_socket;  // where to listen
    Duration stop_time = std::chrono::seconds(20);
};

// The exit code: 0 after a stop that was asked for, a child's own when that is permanent
// (conf/program/exit_code.h), 1 when supervising itself failed (said on stderr).
[[nodiscard]] int run(const Orders& orders);

}  // namespace detour::supervise
