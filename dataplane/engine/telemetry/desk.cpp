// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/desk.h"

#include <rte_telemetry.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

namespace detour::engine {
namespace {

constexpr std::chrono::seconds patience{2};

// rte_telemetry's callbacks get no pointer of ours (DPDK 22.11), so the open desk is kept here.
std::atomic<Desk*> open_desk{nullptr};

int on_command(const char* command, const char* parameters, rte_tel_data* out) {
    Desk* const desk = open_desk.load();
    if (desk == nullptr)
        return -1;
    const auto answer = desk->ask({command, parameters != nullptr ? parameters : ""});
    if (!answer)
        return -1;
    fill(out, *answer);
    return 0;
}

}  // namespace

Desk::Desk() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Desk::~Desk() {
    Desk* self = this;
    open_desk.compare_exchange_strong(self, nullptr);
}

std::expected<void, Error> Desk::open(std::span<const Command> commands) {
    open_desk.store(this);
    for (const Command& command : commands)
        if (const int error = rte_telemetry_register_cmd(command.name, on_command, command.help);
            error != 0)
            return std::unexpected(system_error(
                std::string("cannot register telemetry command ") + command.name, -error));
    return {};
}

std::optional<Answer::Object> Desk::ask(Question question) {
    const std::lock_guard turn(line_);
    std::unique_lock lock(mutex_);
    question_ = std::move(question);
    answer_.reset();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event_.get(), &one, sizeof one);
    answered_.wait_for(lock, patience, [this] { return answer_.has_value(); });
    question_.reset();
    return std::exchange(answer_, std::nullopt);
}

void Desk::serve(const Reply& reply) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(event_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    if (!question_)
        return;
    answer_ = reply(*question_);
    question_.reset();
    answered_.notify_one();
}

}  // namespace detour::engine
