// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour bgp [UPLINK]: the sessions (uplinks.cpp). detour bgp routes [PREFIX]: what peers told us,
// with the reason why a route is not believed, with --out what they were told, with --best which of
// their routes is the best (RFC 4271 9.1). detour bgp clear
// PEER: every route again, or the session anew.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/look.h"
#include "tools/detour/uplinks.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Asked {
    std::string what;    // "", an uplink, "routes" or "clear"
    std::string object;  // of "routes" a prefix or an address, of "clear" a peer
    std::string in;      // a peer or an uplink
    std::string out;
    bool is_longer = false;
    bool is_best = false;
    std::size_t count = 1000;
    bool is_soft = false;
    bool is_hard = false;
    Change change;
    const CLI::Option* watch = nullptr;

    // What belongs to another form than the one that was chosen.
    [[nodiscard]] bool asks_for_routes() const {
        return !in.empty() || !out.empty() || is_longer || is_best;
    }
    [[nodiscard]] bool asks_to_clear() const { return is_soft || is_hard; }
};

void print_route(const json& route) {
    fmt::print("  {:<20} {}\n", text_of(route, "prefix"), text_of(route, "attributes"));
    if (route.contains("refusal") && route.at("refusal").is_string())
        fmt::print("  {:<20} {}\n", "",
                   styled("not believed: " + text_of(route, "refusal"), Style::yellow));
    if (route.value("stale", false))
        fmt::print("  {:<20} {}\n", "",
                   styled("stale: not heard again since the peer restarted", Style::yellow));
    if (const auto progress = route.find("progress");
        progress != route.end() && *progress != "acknowledged")
        fmt::print("  {:<20} {}\n", "", styled(text_of(route, "progress"), Style::yellow));
}

// 1 when something was asked for and is nowhere.
int print_routes(const json& reply, const Asked& asked) {
    std::size_t found = 0;
    for (const json& peer : reply.at("peers")) {
        const json& routes = peer.at("routes");
        found += routes.size();
        if (routes.empty() && !asked.object.empty())
            continue;
        fmt::print("{} {} {}: {}\n", styled(text_of(peer, "uplink"), Style::strong),
                   text_of(peer, "direction") == "in" ? "from" : "to", text_of(peer, "peer"),
                   routes.empty() ? "no routes" : fmt::format("{} routes", routes.size()));
        for (const json& route : routes)
            print_route(route);
        if (const auto left_off = peer.at("left_off").get<std::size_t>(); left_off != 0)
            fmt::print("  and {} more: -n COUNT\n", left_off);
    }
    if (found == 0 && !asked.object.empty()) {
        fmt::print("no peer has {}\n", asked.object);
        return exit_code::attention;
    }
    return exit_code::ok;
}

// The best path to each prefix, and behind it those that it was chosen from.
int print_best(const json& reply, const Asked& asked) {
    const json& rows = reply.at("best");
    for (const json& row : rows)
        for (const json& path : row.at("paths")) {
            const bool is_best = path.at("lost").is_null();
            fmt::print("{:<20} {} {}{}: {}\n", is_best ? text_of(row, "prefix") : "",
                       styled(text_of(path, "uplink"), is_best ? Style::strong : Style::plain),
                       text_of(path, "peer"),
                       is_best ? "" : styled(", " + text_of(path, "lost"), Style::yellow),
                       text_of(path, "attributes"));
        }
    if (const auto left_off = reply.at("left_off").get<std::size_t>(); left_off != 0)
        fmt::print("and {} more: -n COUNT\n", left_off);
    if (!rows.empty())
        return exit_code::ok;
    fmt::print("nothing to choose from{}: routes of neighbours with an import policy take part\n",
               asked.object.empty() ? "" : " for " + asked.object);
    return asked.object.empty() ? exit_code::ok : exit_code::attention;
}

int routes(const Context& context, const Asked& asked) {
    const auto chosen = (asked.in.empty() ? 0 : 1) + (asked.out.empty() ? 0 : 1) + asked.is_best;
    if (chosen > 1)
        return refuse(context, "one of --in, --out and --best");
    Query query{{"direction", asked.is_best       ? "best"
                              : asked.out.empty() ? "in"
                                                  : "out"},
                {"count", std::to_string(asked.count)}};
    if (const std::string& peer = asked.out.empty() ? asked.in : asked.out; !peer.empty())
        query["peer"] = peer;
    if (!asked.object.empty())
        query["prefix"] = asked.object;
    if (asked.is_longer)
        query["longer"] = "1";
    return look(context, "/v1/bgp/routes", query, [&asked](const json& reply) {
        return asked.is_best ? print_best(reply, asked) : print_routes(reply, asked);
    });
}

int clear(const Context& context, const Asked& asked) {
    if (asked.watch->count() != 0)
        return refuse(context, "clear does not go with -w");
    if (asked.object.empty())
        return refuse(context, "clear which peer? detour bgp clear PEER --soft|--hard");
    if (asked.is_soft == asked.is_hard)
        return refuse(context,
                      "say --soft (every route again, no session is lost) or --hard (the session "
                      "begins anew)");
    if (!has_reason(context, asked.change, fmt::format("bgp clear {} --soft", asked.object)))
        return exit_code::error;
    if (asked.is_hard &&
        !agrees(context, asked.change,
                fmt::format("end the session with {} and begin it anew?", asked.object)))
        return exit_code::error;
    const Reply reply =
        client_of(context).post("/v1/bgp/clear", {{"peer", asked.object},
                                                  {"kind", asked.is_hard ? "hard" : "soft"},
                                                  {"actor", actor()},
                                                  {"reason", asked.change.reason()}});
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json) {
        fmt::print("{}\n", reply->dump(2));
        return exit_code::ok;
    }
    for (const json& peer : reply->at("cleared"))
        fmt::print("{} {}\n", peer.get<std::string>(),
                   asked.is_hard ? "begins anew: detour bgp" : "was asked, and sent ours again");
    return exit_code::ok;
}

int bgp(const Context& context, const Asked& asked) {
    if (asked.what == "routes")
        return asked.asks_to_clear() ? refuse(context, "--soft and --hard are clear's")
                                     : routes(context, asked);
    if (asked.what == "clear")
        return asked.asks_for_routes()
                   ? refuse(context, "--in, --out, --best and --longer are those of routes")
                   : clear(context, asked);
    if (asked.asks_for_routes() || asked.asks_to_clear() || !asked.object.empty())
        return refuse(context, "that belongs to detour bgp routes, or to detour bgp clear");
    return show_sessions(context, asked.what);
}

}  // namespace

Action declare_bgp(CLI::App& arguments) {
    const auto asked = std::make_shared<Asked>();
    arguments.add_option("UPLINK", asked->what, "An uplink's sessions, or what to do")
        ->type_name("");
    arguments
        .add_option(
            "WHAT", asked->object,
            "routes: a prefix, or an address and what covers it; clear: a peer or an uplink")
        ->type_name("");
    arguments.add_option("--in", asked->in, "routes: what this peer told us (else all)")
        ->type_name("PEER");
    arguments.add_option("--out", asked->out, "routes: what this peer was told")->type_name("PEER");
    arguments.add_flag("--best", asked->is_best,
                       "routes: the best path to each prefix, and what the others lack");
    arguments.add_flag("--longer", asked->is_longer, "routes: and what lies inside of the prefix");
    arguments.add_option("-n", asked->count, "routes: at most so many a peer (1000)")
        ->type_name("COUNT")
        ->check(CLI::Range(1, 100000));
    arguments.add_flag("--soft", asked->is_soft, "clear: ask for every route again, and send ours");
    arguments.add_flag("--hard", asked->is_hard, "clear: end the session and begin it anew");
    arguments.add_option("-r,--reason", asked->change.option, "clear: why")->type_name("REASON");
    declare_agreement(arguments, asked->change);
    asked->watch = arguments.get_parent()->get_option("--watch");
    arguments.footer(
        "Attributes are in the words of the RFCs; a route that is not believed says why.\n"
        "Exit status: 0 calm, 1 something needs a look or is nowhere, 2 error, 3 detourd does not "
        "answer.\n");
    return [asked](const Context& context) { return bgp(context, *asked); };
}

}  // namespace detour::command
