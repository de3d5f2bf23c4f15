// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where DPDK's telemetry threads (one a connection) hand their questions to the engine's thread,
// which alone may look at the mirror, the ports and the published state. The asker waits, with a
// limit; a question that comes while the engine is stopping is not answered.
#pragma once

#include <condition_variable>
#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/telemetry/answer.h"

namespace detour::engine {

// "/detour/drops", and what follows the comma.
struct Question {
    std::string command;
    std::string parameters;
};

struct Command {
    const char* name;
    const char* help;
};

class Desk {
 public:
    using Reply = std::function<Answer::Object(const Question&)>;

    Desk();
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    // Registers the commands with DPDK, whose callbacks carry no context: one desk a process.
    [[nodiscard]] std::expected<void, Error> open(std::span<const Command> commands);

    // Readable when a question waits.
    [[nodiscard]] int descriptor() const { return event_.get(); }
    // The engine's thread: answers the question that waits, if any.
    void serve(const Reply& reply);

    // A telemetry thread. One question is on the desk at a time; others wait in line.
    [[nodiscard]] std::optional<Answer::Object> ask(Question question);

 private:
    Descriptor event_;
    std::mutex line_;
    std::mutex mutex_;
    std::condition_variable answered_;
    std::optional<Question> question_;
    std::optional<Answer::Object> answer_;
};

}  // namespace detour::engine
