// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/command_desk.h"

#include <asio/post.hpp>
#include <utility>

#include "controlplane/observe/decision_json.h"

namespace detour::daemon {
namespace {

constexpr std::chrono::seconds patience{5};

}  // namespace

CommandDesk::CommandDesk(asio::io_context& loop, const model::Config& config,
                         std::function<void(const controller::Command&)> handle)
    : loop_(loop), config_(config), handle_(std::move(handle)) {}

api::Response CommandDesk::submit(const nlohmann::json& request) {
    controller::Command command;
    command.deed = deed(request);
    command.actor = request.value("actor", "");
    command.reason = request.value("reason", "");
    std::future<controller::CommandAnswer> future;
    {
        const std::lock_guard lock(mutex_);
        command.number = next_++;
        future = waiting_[command.number].get_future();
    }
    asio::post(loop_, [this, command] { handle_(command); });
    if (future.wait_for(patience) != std::future_status::ready) {
        const std::lock_guard lock(mutex_);
        waiting_.erase(command.number);
        return api::failure(504,
                            "detourd did not answer in time; whether it acted is in its journal",
                            "detour events");
    }
    const controller::CommandAnswer answer = future.get();
    const bool is_accepted = answer.verdict == controller::CommandAnswer::Verdict::accepted;
    nlohmann::json body{{"accepted", is_accepted},
                        {"why", observe::to_json(answer.why)},
                        {"record", answer.record}};
    if (!is_accepted)
        body["error"] =
            "refused: " +
            std::string(answer.why.missing.empty() ? answer.why.rule : answer.why.missing) +
            (answer.why.note.empty() ? "" : " (" + answer.why.note + ")");
    return {is_accepted ? 200 : 409, std::move(body)};
}

void CommandDesk::answer(const controller::CommandAnswer& answer) {
    const std::lock_guard lock(mutex_);
    if (auto waiting = waiting_.extract(answer.number))
        waiting.mapped().set_value(answer);
}

controller::Command::Deed CommandDesk::deed(const nlohmann::json& command) const {
    const PrefixSetId set = config_.find_prefix_set(command.at("set").get<std::string>())->id;
    const auto verb = command.at("verb").get<std::string>();
    if (verb == "move")
        return decision::OperatorMove{set,
                                      config_.find_uplink(command.at("to").get<std::string>())->id};
    if (verb == "abort")
        return decision::OperatorAbort{set};
    return decision::OperatorFailback{
        set, command.value("now", false) ? decision::Urgency::now : decision::Urgency::when_ready};
}

}  // namespace detour::daemon
