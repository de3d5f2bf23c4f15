// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/running.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "conf/model/load.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/terminal.h"

namespace detour::command {
namespace {

using nlohmann::json;

std::expected<Running, ClientError> read_text(Running running, const Context& context) {
    auto config =
        model::parse(running.text, context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return std::unexpected(
            ClientError{ClientError::Kind::refused,
                        fmt::format("revision {} cannot be read by this detour: {}; compare detour "
                                    "version",
                                    running.number, headline(config.error().front())),
                        {}});
    running.config = std::move(*config);
    return running;
}

std::string_view text_of(model::Change::Kind kind) {
    switch (kind) {
        case model::Change::Kind::added:
            return "added";
        case model::Change::Kind::removed:
            return "removed";
        case model::Change::Kind::changed:
            return "changed";
    }
    return "?";
}

std::string_view text_of(model::SessionChange::Kind kind) {
    switch (kind) {
        case model::SessionChange::Kind::opened:
            return "opens";
        case model::SessionChange::Kind::ended:
            return "ends";
        case model::SessionChange::Kind::reset:
            return "resets";
    }
    return "?";
}

void print_change(const model::Change& change) {
    const std::string line =
        change.position.line > 1 ? fmt::format("  (line {})", change.position.line) : "";
    if (change.kind == model::Change::Kind::added)
        fmt::print("  {}{}\n",
                   styled(fmt::format("+ {}: {}", change.path, change.after), Style::green), line);
    else if (change.kind == model::Change::Kind::removed)
        fmt::print("  {}{}\n",
                   styled(fmt::format("- {}: {}", change.path, change.before), Style::red), line);
    else
        fmt::print("  {}: {} -> {}{}\n", change.path, change.before,
                   styled(change.after, Style::strong), line);
}

}  // namespace

std::expected<Running, ClientError> find_running(const Context& context) {
    Running running;
    const Reply reply = client_of(context).get("/v1/config");
    if (reply) {
        running.number = reply->at("revision");
        running.text = reply->at("text");
        running.digest = reply->at("digest");
        if (!reply->at("trial_left_s").is_null())
            running.trial_left = reply->at("trial_left_s").get<double>();
        running.is_told = true;
        return read_text(std::move(running), context);
    }
    if (reply.error().kind != ClientError::Kind::unreachable)
        return std::unexpected(reply.error());
    const revision::Store store(context.options.state_dir);
    running.number = store.standing().current;
    auto text = store.text(running.number);
    if (!text)
        return std::unexpected(reply.error());
    running.text = std::move(*text);
    running.digest = revision::digest(running.text);
    return read_text(std::move(running), context);
}

std::optional<Candidate> read_candidate(const Context& context, const std::filesystem::path& file) {
    model::Diagnostics diagnostics;
    if (auto text = revision::read_file(file)) {
        if (auto config = model::parse(*text, file, std::chrono::system_clock::now()))
            return Candidate{std::move(*text), std::move(*config)};
        else
            diagnostics = std::move(config.error());
    } else {
        diagnostics = {{model::Severity::error, file.string(), {}, "document", text.error(), ""}};
    }
    std::erase_if(diagnostics, [](const model::Diagnostic& diagnostic) {
        return diagnostic.severity != model::Severity::error;
    });
    if (context.output == Output::json)
        fmt::print("{}\n", json{{"schema_version", schema_version},
                                {"error", headline(diagnostics.front())},
                                {"errors", diagnostics.size()}}
                               .dump(2));
    else
        fmt::print(stderr, "{}detour: {} has errors; nothing was changed\n",
                   model::to_string(diagnostics), file.string());
    return std::nullopt;
}

std::expected<Comparison, int> compare(const Context& context, const std::filesystem::path& file) {
    auto candidate = read_candidate(context, file);
    if (!candidate)
        return std::unexpected(exit_code::error);
    auto running = find_running(context);
    if (!running)
        return std::unexpected(fail(running.error(), context.output));
    model::Difference difference = model::diff(running->config, candidate->config);
    return Comparison{std::move(*running), std::move(*candidate), std::move(difference)};
}

json to_json(const model::Difference& difference) {
    json result{{"changes", json::array()},
                {"sessions", json::array()},
                {"traffic", json::array()},
                {"restarts", json::array()}};
    for (const model::Change& change : difference.changes)
        result["changes"].push_back({{"kind", text_of(change.kind)},
                                     {"path", change.path},
                                     {"before", change.before},
                                     {"after", change.after}});
    for (const model::SessionChange& session : difference.sessions)
        result["sessions"].push_back({{"what", text_of(session.kind)},
                                      {"uplink", session.uplink},
                                      {"peer", session.peer.to_string()},
                                      {"why", session.why}});
    for (const model::TrafficChange& traffic : difference.traffic)
        result["traffic"].push_back({{"path", traffic.path}, {"what", traffic.what}});
    for (const model::Restart& restart : difference.restarts)
        result["restarts"].push_back({{"path", restart.path}, {"why", restart.why}});
    return result;
}

void print_difference(const model::Difference& difference) {
    fmt::print("changes: {}\n", difference.changes.size());
    for (const model::Change& change : difference.changes)
        print_change(change);
    const auto resets = std::ranges::count(difference.sessions, model::SessionChange::Kind::reset,
                                           &model::SessionChange::kind);
    fmt::print("sessions that reset: {}\n", resets == 0 ? "none" : std::to_string(resets));
    for (const model::SessionChange& session : difference.sessions)
        fmt::print("  {} {} {}: {}\n", session.uplink, session.peer.to_string(),
                   text_of(session.kind), session.why);
    fmt::print("traffic that goes another way:{}\n", difference.traffic.empty() ? " none" : "");
    for (const model::TrafficChange& traffic : difference.traffic)
        fmt::print("  {}: {}\n", traffic.path,
                   styled(traffic.what, traffic.is_heavy ? Style::yellow : Style::plain));
    fmt::print("data plane: {}\n",
               difference.restarts.empty() ? "takes it as it runs" : "needs a restart, for");
    for (const model::Restart& restart : difference.restarts)
        fmt::print("  {}: {}\n", restart.path, styled(restart.why, Style::yellow));
}

}  // namespace detour::command
