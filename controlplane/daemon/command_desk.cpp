// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/command_desk.h"

#include <asio/post.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "controlplane/observe/decision_json.h"

namespace detour::daemon {
namespace {

constexpr std::chrono::seconds patience{5};
// The data plane is asked on the way.
constexpr std::chrono::seconds configure_patience{30};

// Nothing: a name is not there any more.
std::optional<controller::Command::Deed> deed_of(const nlohmann::json& command,
                                                 const model::Config& config) {
    const model::PrefixSet* set = config.find_prefix_set(command.at("set").get<std::string>());
    if (set == nullptr)
        return std::nullopt;
    const auto verb = command.at("verb").get<std::string>();
    if (verb == "move") {
        const model::Uplink* to = config.find_uplink(command.at("to").get<std::string>());
        if (to == nullptr)
            return std::nullopt;
        return decision::OperatorMove{set->id, to->id};
    }
    if (verb == "abort")
        return decision::OperatorAbort{set->id};
    return decision::OperatorFailback{set->id, command.value("now", false)
                                                   ? decision::Urgency::now
                                                   : decision::Urgency::when_ready};
}

api::Response too_late() {
    return api::failure(504, "detourd did not answer in time; whether it acted is in its journal",
                        "detour events");
}

}  // namespace

CommandDesk::CommandDesk(asio::io_context& loop, Handlers handlers)
    : loop_(loop), handlers_(std::move(handlers)) {}

api::Response CommandDesk::submit(const nlohmann::json& request) {
    controller::Command command;
    command.actor = request.value("actor", "");
    command.reason = request.value("reason", "");
    std::future<controller::CommandAnswer> future;
    {
        const std::lock_guard lock(mutex_);
        command.number = next_++;
        future = waiting_[command.number].get_future();
    }
    asio::post(loop_, [this, command, request]() mutable {
        std::optional<controller::Command::Deed> deed;
        std::string_view missing = "the name, since the configuration changed";
        try {
            deed = deed_of(request, *handlers_.config());
        } catch (const nlohmann::json::exception&) {
            missing = "fields of the types that are read";
        }
        if (!deed) {
            controller::CommandAnswer refusal{
                command.number, controller::CommandAnswer::Verdict::refused, {}, 0};
            refusal.why.missing = missing;
            return answer(refusal);
        }
        command.deed = *deed;
        handlers_.handle(command);
    });
    if (future.wait_for(patience) != std::future_status::ready) {
        const std::lock_guard lock(mutex_);
        waiting_.erase(command.number);
        return too_late();
    }
    const controller::CommandAnswer answer = future.get();
    const bool is_accepted = answer.verdict == controller::CommandAnswer::Verdict::accepted;
    nlohmann::json body{{"accepted", is_accepted},
                        {"begun", answer.effect == controller::CommandAnswer::Effect::begun},
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

api::Response CommandDesk::configure(const nlohmann::json& wish) {
    return ask_loop([this, wish](const auto& answer) { handlers_.configure(wish, answer); },
                    configure_patience);
}

api::Response CommandDesk::log_level(const nlohmann::json& wish) {
    return ask_loop([this, wish](const auto& answer) { handlers_.log_level(wish, answer); },
                    patience);
}

api::Response CommandDesk::ask(std::function<api::Response()> question) {
    return ask_loop([question = std::move(question)](const auto& answer) { answer(question()); },
                    patience);
}

api::Response CommandDesk::ask_loop(Question question, Duration limit) {
    const auto promise = std::make_shared<std::promise<api::Response>>();
    std::future<api::Response> future = promise->get_future();
    asio::post(loop_, [question = std::move(question), promise] {
        try {
            question(
                [promise](api::Response response) { promise->set_value(std::move(response)); });
        } catch (const nlohmann::json::exception& error) {
            // A field of another type than is read: the sender's fault, nothing was done yet.
            promise->set_value(api::failure(422, error.what()));
        }
    });
    if (future.wait_for(limit) != std::future_status::ready)
        return too_late();
    return future.get();
}

}  // namespace detour::daemon
