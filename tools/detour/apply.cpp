// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour apply, confirm, rollback, reload: another configuration comes into force, in both planes,
// whole or not at all. detourd does it and keeps the clock of a trial, so that nothing depends on
// the operator's connection; here stands what is asked before.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "conf/model/load.h"
#include "conf/types/duration.h"
#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/management.h"
#include "tools/detour/running.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    std::string trial;
    bool accepts_restart = false;
    std::optional<std::uint64_t> revision;
    Change change;
};

json request(const char* what, const Change& change) {
    return {{"do", what}, {"actor", actor()}, {"reason", change.reason()}};
}

void print_result(const json& reply, const Context& context) {
    const auto revision = reply.at("revision").get<std::uint64_t>();
    if (!reply.value("is_new", true)) {
        fmt::print("nothing to change: revision {} runs\n", revision);
        return;
    }
    const auto previous = reply.at("previous").get<std::uint64_t>();
    fmt::print("revision {} runs (before: {})\n", revision, previous);
    for (const json& line : reply.at("changes"))
        fmt::print("  {}\n", line.get<std::string>());
    if (reply.at("dataplane") == "restart")
        fmt::print(
            "data plane: runs what it ran before until it is started anew (systemctl "
            "restart detour-dataplane); packets stop for that moment\n");
    if (reply.at("dataplane") == "absent")
        fmt::print("data plane: does not answer; it takes the revision when it starts\n");
    if (reply.contains("confirm_within_s"))
        fmt::print("confirm within {}: detour confirm; else revision {} comes back by itself\n",
                   age(reply.at("confirm_within_s")), previous);
    print_undo(context, fmt::format("rollback {}", previous));
}

int submit(const Context& context, const json& body) {
    const Reply reply = client_of(context).post("/v1/config", body);
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json)
        fmt::print("{}\n", reply->dump(2));
    else
        print_result(*reply, context);
    return exit_code::ok;
}

int refuse_cut(const Context& context, const std::string& why) {
    return refuse(context,
                  fmt::format("refused: {}; nothing was changed. Do it from a console, or by "
                              "another address of this host",
                              why));
}

int apply(const Context& context, const Wish& wish) {
    if (!has_reason(context, wish.change, "apply --confirm 120s"))
        return exit_code::error;
    std::optional<Duration> trial;
    if (!wish.trial.empty()) {
        const auto parsed = parse_duration(wish.trial);
        if (!parsed || *parsed < std::chrono::seconds(1))
            return refuse(context,
                          fmt::format("--confirm {}: a time like 120s is wanted", wish.trial));
        trial = *parsed;
    }
    const auto compared = compare(context, context.options.config_file);
    if (!compared)
        return compared.error();
    const auto& [running, candidate, difference] = *compared;
    if (const std::string why = cut_by(running.config, candidate.config); !why.empty())
        return refuse_cut(context, why);
    if (difference.is_heavy()) {
        if (context.output == Output::text)
            print_difference(difference);
        if (!agrees(context, wish.change, "This resets sessions or moves traffic."))
            return exit_code::error;
    }
    json body = request("apply", wish.change);
    body["digest"] = revision::digest(candidate.text);
    body["restart"] = wish.accepts_restart;
    if (trial)
        body["confirm_s"] = std::chrono::ceil<std::chrono::seconds>(*trial).count();
    return submit(context, body);
}

int roll_back(const Context& context, const Wish& wish) {
    json body = request("rollback", wish.change);
    body["restart"] = wish.accepts_restart;
    const revision::Store store(context.options.state_dir);
    const auto number = wish.revision ? wish.revision : store.standing().previous;
    if (wish.revision)
        body["revision"] = *wish.revision;
    if (const auto text = number ? store.text(*number) : std::unexpected(std::string())) {
        const auto running = find_running(context);
        const auto then =
            model::parse(*text, context.options.config_file, std::chrono::system_clock::now());
        if (running && then)
            if (const std::string why = cut_by(running->config, *then); !why.empty())
                return refuse_cut(context, why);
    }
    return submit(context, body);
}

int confirm(const Context& context) {
    const Reply reply =
        client_of(context).post("/v1/config", {{"do", "confirm"}, {"actor", actor()}});
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json)
        fmt::print("{}\n", reply->dump(2));
    else
        fmt::print("revision {} stays\n", reply->at("revision").get<std::uint64_t>());
    return exit_code::ok;
}

constexpr const char* footer = "Exit status: 0 done, 2 refused, 3 detourd does not answer.\n";

}  // namespace

Action declare_apply(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments
        .add_option("--confirm", wish->trial,
                    "Go back by itself unless detour confirm comes within this time")
        ->type_name("TIME");
    arguments.add_flag("--restart", wish->accepts_restart,
                       "Also what detour-dataplane takes only when it is started anew");
    declare_reason(arguments, wish->change);
    declare_agreement(arguments, wish->change);
    arguments.footer(footer);
    return [wish](const Context& context) { return apply(context, *wish); };
}

Action declare_confirm(CLI::App& arguments) {
    arguments.footer(footer);
    return [](const Context& context) { return confirm(context); };
}

Action declare_rollback(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments.add_option("REV", wish->revision, "The revision; without it the one before")
        ->type_name("");
    arguments.add_flag("--restart", wish->accepts_restart,
                       "Also what detour-dataplane takes only when it is started anew");
    declare_reason(arguments, wish->change);
    arguments.footer(footer);
    return [wish](const Context& context) { return roll_back(context, *wish); };
}

Action declare_reload(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    declare_reason(arguments, wish->change);
    arguments.footer(footer);
    return [wish](const Context& context) {
        json body = request("reload", wish->change);
        if (wish->change.reason().empty())
            body["reason"] = "read again";
        if (const auto candidate = read_candidate(context, context.options.config_file); !candidate)
            return exit_code::error;
        return submit(context, body);
    };
}

}  // namespace detour::command
