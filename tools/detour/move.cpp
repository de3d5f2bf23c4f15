// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour move SET --to UPLINK, detour failback SET, detour abort SET: the operator moves a prefix
// set. The box's guard stands all the same: what would hurt is refused, with what is missing.
// "all" is every set; what would move everything asks back.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/suggest.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    std::string set;
    std::string to;
    bool is_urgent = false;
    Change change;
};

std::shared_ptr<Wish> declare(CLI::App& arguments) {
    auto wish = std::make_shared<Wish>();
    arguments.add_option("SET", wish->set, "The prefix set")->required()->type_name("");
    declare_reason(arguments, wish->change);
    arguments.footer("Exit status: 0 begun, 2 refused, 3 detourd does not answer.\n");
    return wish;
}

struct Set {
    std::string name;
    std::string prefixes;
    std::string uplink;
    bool is_home = true;
};

// The sets as status has them, in its order; a set with two families stands once.
std::vector<Set> sets_of(const json& status) {
    std::vector<Set> sets;
    for (const json& row : status.at("sets")) {
        const auto name = row.at("set").get<std::string>();
        if (sets.empty() || sets.back().name != name)
            sets.push_back({name, "", row.at("uplink")});
        if (row.at("uplink") != row.at("home"))
            sets.back().is_home = false;
        for (const json& prefix : row.at("prefixes"))
            sets.back().prefixes +=
                (sets.back().prefixes.empty() ? "" : ", ") + prefix.get<std::string>();
    }
    return sets;
}

std::string unknown_name(std::string_view what, const std::string& name,
                         const std::vector<std::string>& known) {
    return fmt::format("there is no {} \"{}\"{}; there {} {}", what, name,
                       did_you_mean(name, known), known.size() == 1 ? "is" : "are",
                       fmt::join(known, ", "));
}

// What is wrong with the names; empty: nothing.
std::string complaint(const Wish& wish, const json& status, const std::vector<Set>& sets) {
    std::vector<std::string> names;
    for (const Set& set : sets)
        names.push_back(set.name);
    if (wish.set != "all" && std::ranges::find(names, wish.set) == names.end())
        return unknown_name("prefix set", wish.set, names);
    std::vector<std::string> uplinks;
    for (const json& uplink : status.at("uplinks"))
        uplinks.push_back(uplink.at("name"));
    if (!wish.to.empty() && std::ranges::find(uplinks, wish.to) == uplinks.end())
        return unknown_name("uplink", wish.to, uplinks);
    return {};
}

// The sets that the wish means.
std::vector<Set> meant(const Wish& wish, const std::vector<Set>& sets) {
    std::vector<Set> result;
    for (const Set& set : sets)
        if (set.name == wish.set || (wish.set == "all" && set.name != "all"))
            result.push_back(set);
    return result;
}

std::string question(const char* verb, const Wish& wish, const std::vector<Set>& sets) {
    std::string text = "This moves everything this box protects:\n";
    for (const Set& set : sets)
        text += fmt::format("  {} ({}), now by {}\n", set.name, set.prefixes, set.uplink);
    return text + (wish.to.empty() ? fmt::format("{}: home.", verb)
                                   : fmt::format("{}: to {}.", verb, wish.to));
}

// Accepted, and there was nothing to do.
std::string nothing_to_do(const std::string& verb, const Wish& wish) {
    if (verb == "move")
        return fmt::format("it leaves by {} already, nothing was done", wish.to);
    if (verb == "failback")
        return "it is at home, nothing was done";
    return "no move is in progress; a fail-back that was asked for is not waited for any more";
}

// `document`: what the daemon said, for JSON of one document however many sets there are.
// `has_effect` becomes true when something was begun or waits, so that there is something to undo.
int submit_one(const Context& context, const std::string& verb, const Wish& wish, const Set& wanted,
               json& document, bool& has_effect) {
    const std::string& set = wanted.name;
    json body{{"set", set}, {"reason", wish.change.reason()}, {"actor", actor()}};
    if (!wish.to.empty())
        body["to"] = wish.to;
    if (wish.is_urgent)
        body["now"] = true;
    const Reply reply = client_of(context).post("/v1/" + verb, body);
    if (context.output == Output::json) {
        document = reply ? *reply : reply.error().body;
        if (!reply)
            document["error"] = reply.error().message;
        document["set"] = set;
        document["schema_version"] = schema_version;
        if (reply)
            return exit_code::ok;
        return reply.error().kind == ClientError::Kind::unreachable ? exit_code::unreachable
                                                                    : exit_code::error;
    }
    if (!reply)
        return fail(reply.error(), context.output);
    const json& why = reply->at("why");
    // A daemon of before does not say whether it began anything.
    const bool has_begun = reply->value("begun", true);
    const bool is_waiting =
        !has_begun && (why.contains("missing") || (verb == "failback" && !wanted.is_home));
    if (is_waiting)
        fmt::print("{} {}: noted, and begun by itself as soon as it may{}\n", verb, set,
                   why.contains("missing") ? "; now: " + why.at("missing").get<std::string>() : "");
    else if (!has_begun)
        fmt::print("{} {}: {}\n", verb, set, nothing_to_do(verb, wish));
    else
        fmt::print("{} {}: begun{}\n", verb, set, explain(why).empty() ? "" : ": " + explain(why));
    has_effect = has_effect || has_begun || is_waiting;
    return exit_code::ok;
}

// A refused set does not keep the others from moving; the worst outcome is the exit code.
int submit(const Context& context, const std::string& verb, const Wish& wish,
           const std::string& undo) {
    if (!has_reason(
            context, wish.change,
            fmt::format("{} {}{}", verb, wish.set, wish.to.empty() ? "" : " --to " + wish.to)))
        return exit_code::error;
    const Reply status = client_of(context).get("/v1/status");
    if (!status)
        return fail(status.error(), context.output);
    const std::vector<Set> all = sets_of(*status);
    if (const std::string wrong = complaint(wish, *status, all); !wrong.empty())
        return refuse(context, wrong);
    const std::vector<Set> chosen = meant(wish, all);
    if (verb != "abort" && chosen.size() == all.size() &&
        !agrees(context, wish.change, question(verb.c_str(), wish, chosen)))
        return exit_code::error;
    int worst = exit_code::ok;
    bool has_effect = false;
    json documents = json::array();
    for (const Set& set : chosen) {
        const int code = submit_one(context, verb, wish, set, documents.emplace_back(), has_effect);
        worst = std::max(worst, code);
    }
    if (context.output == Output::json) {
        const json all_of_them{{"schema_version", schema_version}, {"sets", documents}};
        fmt::print("{}\n", (wish.set == "all" ? all_of_them : documents.at(0)).dump(2));
    }
    if (!has_effect)
        return worst;
    if (context.output == Output::text)
        fmt::print("watch: detour events -f{}\n", wish.set == "all" ? "" : " --set " + wish.set);
    print_undo(context, fmt::format(fmt::runtime(undo), wish.set));
    return worst;
}

}  // namespace

Action declare_move(CLI::App& arguments) {
    const auto wish = declare(arguments);
    arguments.add_option("--to", wish->to, "The uplink that is to carry it")
        ->required()
        ->type_name("UPLINK");
    declare_agreement(arguments, wish->change);
    return [wish](const Context& context) { return submit(context, "move", *wish, "failback {}"); };
}

Action declare_failback(CLI::App& arguments) {
    const auto wish = declare(arguments);
    arguments.add_flag("--now", wish->is_urgent,
                       "Without waiting for the stable time; canary and stair still watch");
    declare_agreement(arguments, wish->change);
    return
        [wish](const Context& context) { return submit(context, "failback", *wish, "abort {}"); };
}

Action declare_abort(CLI::App& arguments) {
    const auto wish = declare(arguments);
    return [wish](const Context& context) {
        return submit(context, "abort", *wish, "move {} --to UPLINK");
    };
}

}  // namespace detour::command
