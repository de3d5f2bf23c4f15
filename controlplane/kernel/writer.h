// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Executes operations. rtnetlink does its work inside the system call that sends, so a run returns
// with every operation acknowledged or refused; the caller bounds how many it gives at once.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "controlplane/kernel/plan/diff.h"
#include "controlplane/kernel/socket.h"

namespace detour::kernel {

// The kernel's answer to one operation.
struct Answer {
    int code = 0;         // errno; 0: done, or there was nothing to remove
    std::string message;  // the kernel's own words, where it has any
};

class Writer {
 public:
    explicit Writer(Socket socket) : socket_(std::move(socket)) {}

    // One answer an operation, in order. An error means that what was done is unknown: dump.
    [[nodiscard]] std::expected<std::vector<Answer>, KernelError> run(
        std::span<const plan::Operation> operations);

 private:
    [[nodiscard]] std::expected<void, KernelError> run_batch(
        std::span<const plan::Operation> operations, std::vector<Answer>& answers);

    Socket socket_;
    std::uint32_t sequence_ = 1;
};

}  // namespace detour::kernel
