// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour log-level: what detourd's log tells, shown or changed in the running daemon, for good
// (until it restarts) or for a time. The data plane's log has one level: it says little.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "conf/types/duration.h"
#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    std::string levels;
    std::string time;
    Change change;
};

void print(const json& reply) {
    fmt::print("detourd logs {}\n", reply.at("levels").get<std::string>());
    for (const auto& [room, level] : reply.at("rooms").items())
        fmt::print("  {:<9} {}\n", room, level.get<std::string>());
    if (!reply.at("back_to").is_null())
        fmt::print("back to {} in {}\n", reply.at("back_to").get<std::string>(),
                   age(reply.at("back_in_s")));
}

int log_level(const Context& context, const Wish& wish) {
    json body{{"levels", wish.levels}, {"actor", actor()}, {"reason", wish.change.reason()}};
    if (!wish.time.empty()) {
        const auto time = parse_duration(wish.time);
        if (!time || *time < std::chrono::seconds(1))
            return refuse(context, fmt::format("--for {}: a time like 10min is wanted", wish.time));
        if (wish.levels.empty())
            return refuse(context, "--for: say what for that time: detour log-level bgp=debug");
        body["for_s"] = std::chrono::ceil<std::chrono::seconds>(*time).count();
    }
    const Reply reply = wish.levels.empty() ? client_of(context).get("/v1/log-level")
                                            : client_of(context).post("/v1/log-level", body);
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json) {
        fmt::print("{}\n", reply->dump(2));
        return exit_code::ok;
    }
    print(*reply);
    if (!wish.levels.empty())
        fmt::print("undo:  detour log-level {}\n", reply->at("before").get<std::string>());
    return exit_code::ok;
}

}  // namespace

Action declare_log_level(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments
        .add_option("LEVELS", wish->levels,
                    "debug, info, warning, error or off, for all rooms; bgp=debug for one; "
                    "several with commas. Without it: what they are")
        ->type_name("");
    arguments.add_option("--for", wish->time, "Only so long, then what was before")
        ->type_name("TIME");
    declare_reason(arguments, wish->change);
    arguments.footer(
        "Rooms: api, bgp, daemon, decision, io, kernel.\n"
        "Exit status: 0 done, 2 refused, 3 detourd does not answer.\n");
    return [wish](const Context& context) { return log_level(context, *wish); };
}

}  // namespace detour::command
