// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What detourd and the data plane have to say to each other about revisions, over the telemetry
// socket: which one the data plane runs, and that it should take another. A data plane that comes
// up, or comes back, with another revision than detourd's is asked to take that one; nothing else
// ever passes between the two but through the kernel. Without a data plane (kind: kernel) every
// question is answered at once.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "conf/revision/revision.h"
#include "controlplane/io/telemetry_client.h"

namespace detour::daemon {

class DataplaneLink {
 public:
    // What the data plane runs; nothing: it does not answer.
    struct Running {
        std::string digest;
        std::string version;
    };
    // What became of a revision there.
    struct Taken {
        enum class How : std::uint8_t { taken, refused, absent } how = How::absent;
        std::string why;  // refused
    };
    enum class Presence : std::uint8_t { none, expected };

    DataplaneLink(asio::io_context& loop, const std::filesystem::path& socket);

    // From now on it is looked after. `warn` tells, once, that it runs another revision and would
    // not take ours.
    void watch(std::function<void(const std::string&)> warn);
    void stop() { timer_.cancel(); }

    // What it should run.
    void expect(Presence presence, revision::Number number, std::string digest);
    void take(revision::Number number, std::function<void(const Taken&)> answer);

    [[nodiscard]] const std::optional<Running>& running() const { return running_; }

 private:
    void look();
    void compare();

    io::TelemetryClient client_;
    asio::steady_timer timer_;
    std::function<void(const std::string&)> warn_;
    Presence presence_ = Presence::none;
    revision::Number number_ = 0;
    std::string digest_;
    std::optional<Running> running_;
    std::string told_;  // the digest that was warned about
    int differences_ = 0;
};

[[nodiscard]] DataplaneLink::Taken parse_taken(std::string_view answer);
[[nodiscard]] std::optional<DataplaneLink::Running> parse_running(std::string_view answer);

}  // namespace detour::daemon
