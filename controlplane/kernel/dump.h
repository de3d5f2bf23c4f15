// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A dump of everything plan::Actual speaks of, taken piece by piece so that it never holds the
// event loop: the kernel answers one request at a time, and each on_readable() takes what is there.
// A dump that the kernel says was interrupted by a change is asked for again.
#pragma once

#include <expected>
#include <optional>
#include <vector>

#include "controlplane/kernel/decode.h"
#include "controlplane/kernel/socket.h"

namespace detour::kernel {

struct Picture {
    plan::Actual actual;
    std::vector<Neighbour> neighbours;
};

class Dump {
 public:
    explicit Dump(Socket socket) : socket_(std::move(socket)) {}

    [[nodiscard]] int fd() const { return socket_.fd(); }
    [[nodiscard]] bool is_running() const { return is_running_; }

    // From the beginning. A dump that runs is finished and thrown away first, because the kernel
    // cannot be told to stop.
    [[nodiscard]] std::expected<void, KernelError> start();

    // The picture, once it is complete. Reads at most a few hundred KB a call.
    [[nodiscard]] std::expected<std::optional<Picture>, KernelError> on_readable();

 private:
    [[nodiscard]] std::expected<void, KernelError> request();
    void take(const nlmsghdr& message);
    [[nodiscard]] std::expected<void, KernelError> finish_step();

    Socket socket_;
    Picture picture_;
    std::size_t step_ = 0;
    std::uint32_t sequence_ = 0;
    int error_ = 0;
    bool is_running_ = false;
    bool is_step_done_ = false;
    bool is_interrupted_ = false;  // NLM_F_DUMP_INTR: ask this step again
    bool is_restarted_ = false;    // start() came while it ran
};

}  // namespace detour::kernel
