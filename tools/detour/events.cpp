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

// The members of a payload that are words or numbers; explanations get a sentence.
std::string summary(const json& payload) {
    std::string text;
    for (const auto& [name, value] : payload.items()) {
        if (name == "action_id")
            continue;
        if (name == "explanation")
            text += fmt::format(" [{}]", explain(value));
        else if (value.is_string())
            text += fmt::format(" {} {}", name, value.get<std::string>());
        else if (value.is_number_float())
            text += fmt::format(" {} {:.6g}", name, value.get<double>());
        else if (!value.is_object() && !value.is_array())
            text += fmt::format(" {} {}", name, value.dump());
    }
    return text;
}

std::string member(const json& event, const char* name) {
    return event.contains(name) && event.at(name).is_string() ? event.at(name).get<std::string>()
                                                              : std::string();
}

void print_event(const json& event, Clock clock) {
    std::string subject = member(event, "uplink");
    if (const std::string set = member(event, "prefix_set"); !set.empty()) {
        const std::string family = member(event, "family");
        subject += (subject.empty() ? "" : " ") + set + (family.empty() ? "" : "/" + family);
    }
    if (const std::string peer = member(event, "peer"); !peer.empty())
        subject += " " + peer;
    fmt::print("{:>6} {} {} {}{}\n", event.at("number").get<std::uint64_t>(),
               time_text(member(event, "time"), clock),
               styled(fmt::format("{:<16}", member(event, "kind")), Style::strong), subject,
               summary(event.at("payload")));
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
