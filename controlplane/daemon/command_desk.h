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
#include <memory>
#include <mutex>

#include "conf/model/config.h"
#include "controlplane/api/server.h"
#include "controlplane/controller/input.h"
#include "controlplane/controller/output.h"

namespace detour::daemon {

class CommandDesk {
 public:
    // On the loop: answers once, now or later.
    using Ask = std::function<void(const nlohmann::json&, std::function<void(api::Response)>)>;

    struct Handlers {
        // On the loop: the configuration in force, which the command's names belong to.
        std::function<std::shared_ptr<const model::Config>()> config;
        std::function<void(const controller::Command&)> handle;
        Ask configure;
        Ask log_level;
    };

    CommandDesk(asio::io_context& loop, Handlers handlers);

    // An HTTP thread; names in the command existed a moment ago (api/resources.h).
    [[nodiscard]] api::Response submit(const nlohmann::json& command);
    // An HTTP thread: another configuration.
    [[nodiscard]] api::Response configure(const nlohmann::json& wish);
    // An HTTP thread: other levels of the log.
    [[nodiscard]] api::Response log_level(const nlohmann::json& wish);

    // An HTTP thread: what the loop can answer at once.
    [[nodiscard]] api::Response ask(std::function<api::Response()> question);

    // The loop: the controller's answer.
    void answer(const controller::CommandAnswer& answer);

 private:
    // An HTTP thread: the question on the loop, and its answer.
    using Question = std::function<void(std::function<void(api::Response)>)>;
    [[nodiscard]] api::Response ask_loop(Question question, Duration limit);

    asio::io_context& loop_;
    Handlers handlers_;
    std::mutex mutex_;  // the two below
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, std::promise<controller::CommandAnswer>> waiting_;
};

}  // namespace detour::daemon
