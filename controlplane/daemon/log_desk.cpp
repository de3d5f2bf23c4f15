// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/log_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace detour::daemon {
namespace {

using nlohmann::json;
using observe::LogOptions;

constexpr std::chrono::hours longest_time{24 * 7};

// Begins with a level for all, or goes on from those that are.
bool is_for_all(std::string_view levels) {
    return levels.substr(0, levels.find(',')).find('=') == std::string_view::npos;
}

}  // namespace

LogDesk::LogDesk(asio::io_context& loop, observe::Log& log,
                 std::function<void(const std::string&)> say)
    : timer_(loop), log_(log), say_(std::move(say)) {}

api::Response LogDesk::ask(const json& wish) {
    const LogOptions before = log_.options();
    const std::string levels = wish.value("levels", "");
    if (!levels.empty()) {
        auto wanted = observe::parse_log_options(levels);
        if (!wanted)
            return api::failure(422, wanted.error(), "detour log-level bgp=debug --for 10min");
        if (!is_for_all(levels)) {
            wanted->level = before.level;
            for (const auto& [room, level] : before.rooms)
                wanted->rooms.emplace(room, level);
        }
        std::erase_if(wanted->rooms, [&](const auto& own) { return own.second == wanted->level; });
        constexpr std::uint64_t longest = std::chrono::seconds(longest_time).count();
        const auto seconds = std::min(wish.value("for_s", std::uint64_t{0}), longest);
        if (seconds == 0)
            base_.reset();
        else if (!base_)
            base_ = before;
        timer_.cancel();
        use(*wanted);
        if (base_)
            return_after(std::chrono::seconds(seconds));
        say_(fmt::format("log levels are {} by {}{}", to_string(*wanted), wish.value("actor", "?"),
                         seconds == 0 ? "" : fmt::format(", for {} s", seconds)));
    }
    json rooms = json::object();
    for (const std::string_view room : observe::log_rooms) {
        const auto own = log_.options().rooms.find(room);
        rooms[std::string(room)] =
            to_string(own == log_.options().rooms.end() ? log_.options().level : own->second);
    }
    json body{{"levels", to_string(log_.options())},
              {"before", to_string(before)},
              {"rooms", std::move(rooms)},
              {"back_to", nullptr},
              {"back_in_s", nullptr}};
    if (base_) {
        body["back_to"] = to_string(*base_);
        body["back_in_s"] =
            std::chrono::duration<double>(timer_.expiry() - std::chrono::steady_clock::now())
                .count();
    }
    return {200, std::move(body)};
}

void LogDesk::use(const LogOptions& levels) {
    log_.use(levels.level, levels.rooms);
}

void LogDesk::return_after(Duration time) {
    timer_.expires_after(time);
    timer_.async_wait([this](const asio::error_code& error) {
        if (error || !base_)
            return;
        const LogOptions back = *std::exchange(base_, std::nullopt);
        use(back);
        say_(fmt::format("log levels are {} again", to_string(back)));
    });
}

}  // namespace detour::daemon
