// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the log of a running detourd tells, and for how long: the levels are changed without a
// restart, and come back by themselves when they were changed for a time, so that nobody has to
// remember at night that debug is still on. A restart brings back those of the command line.
//
// The event loop's thread only.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "controlplane/api/server.h"
#include "controlplane/observe/log.h"

namespace detour::daemon {

class LogDesk {
 public:
    LogDesk(asio::io_context& loop, observe::Log& log, std::function<void(const std::string&)> say);
    void stop() { timer_.cancel(); }

    // {"levels", "for_s", "actor", "reason"}: a level alone is one for all rooms, ROOM=LEVEL that
    // of one room. Without "levels" nothing changes. Gives {"levels", "before", "rooms", "back_to",
    // "back_in_s"}.
    [[nodiscard]] api::Response ask(const nlohmann::json& wish);

 private:
    void use(const observe::LogOptions& levels);
    void return_after(Duration time);

    asio::steady_timer timer_;
    observe::Log& log_;
    std::function<void(const std::string&)> say_;
    std::optional<observe::LogOptions> base_;  // what comes back when the time is over
};

}  // namespace detour::daemon
