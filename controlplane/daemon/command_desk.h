// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where HTTP threads hand their mutations to the event loop and wait, for a bounded time, for its
// answer.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <mutex>

#include "conf/model/config.h"
#include "controlplane/api/server.h"
#include "controlplane/controller/input.h"
#include "controlplane/controller/output.h"

namespace detour::daemon {

class CommandDesk {
 public:
    // `handle` runs on the loop.
    CommandDesk(asio::io_context& loop, const model::Config& config,
                std::function<void(const controller::Command&)> handle);

    // An HTTP thread; names in the command exist (api/resources.h).
    [[nodiscard]] api::Response submit(const nlohmann::json& command);

    // The loop: the controller's answer.
    void answer(const controller::CommandAnswer& answer);

 private:
    [[nodiscard]] controller::Command::Deed deed(const nlohmann::json& command) const;

    asio::io_context& loop_;
    const model::Config& config_;
    std::function<void(const controller::Command&)> handle_;
    std::mutex mutex_;  // the two below
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, std::promise<controller::CommandAnswer>> waiting_;
};

}  // namespace detour::daemon
