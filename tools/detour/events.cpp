// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour events [-f]: what happened, from the journal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/terminal.h"
#include "tools/detour/time_text.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    std::string set;
    unsigned count = 50;
    bool has_routine = false;
    bool is_following = false;
};

std::string member(const json& event, const char* name) {
    return event.contains(name) && event.at(name).is_string() ? event.at(name).get<std::string>()
                                                              : std::string();
}

void print_event(const json& event, Clock clock) {
    constexpr std::size_t indent = 16;
    const std::string set = member(event, "prefix_set");
    const std::string family = member(event, "family");
    const std::string subject = set + (set.empty() || family.empty() ? "" : "/") + family;
    fmt::print("{}\n",
               folded(fmt::format("{:>6} {}  {}{}{}", event.at("number").get<std::uint64_t>(),
                                  time_text(member(event, "time"), clock), subject,
                                  subject.empty() ? "" : "  ", member(event, "text")),
                      indent));
    const json& payload = event.at("payload");
    if (const auto why = payload.find("explanation"); why != payload.end())
        if (const std::string text = explain(*why); !text.empty())
            fmt::print("{}\n", folded(std::string(indent, ' ') + text, indent));
}

int events(const Context& context, const Wish& wish) {
    const Client client = client_of(context);
    Query query{{"count", std::to_string(wish.count)}};
    if (!wish.set.empty())
        query["set"] = wish.set;
    if (wish.has_routine)
        query["routine"] = "1";
    for (;;) {
        const Reply reply = client.get("/v1/events", query);
        if (!reply)
            return fail(reply.error(), context.output);
        for (json event : reply->at("events")) {
            if (context.output == Output::json) {
                event["schema_version"] = schema_version;
                fmt::print("{}\n", event.dump());
            } else {
                print_event(event, context.clock);
            }
        }
        std::fflush(stdout);
        if (!wish.is_following)
            return 0;
        query["after"] = std::to_string(reply->at("last").get<std::uint64_t>());
        query["wait"] = "20";
        query["count"] = "1000";
    }
}

}  // namespace

Action declare_events(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments.add_flag("-f,--follow", wish->is_following,
                       "Go on with what happens, until interrupted");
    arguments.add_option("-n,--count", wish->count, "The last so many")
        ->type_name("COUNT")
        ->capture_default_str();
    arguments.add_option("--set", wish->set, "About one prefix set only")->type_name("SET");
    arguments.add_flag("--routine", wish->has_routine, "Probes and counters too");
    arguments.footer("With -j one JSON document a line.\n");
    return [wish](const Context& context) { return events(context, *wish); };
}

}  // namespace detour::command
