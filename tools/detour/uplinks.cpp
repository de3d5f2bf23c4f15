// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour uplinks [UPLINK]: link, sessions, and of each block the verdict and what it rests on.
// The sessions of detour bgp (bgp.cpp). detour prefixes [SET]: where each set is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "tools/detour/change.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/look.h"
#include "tools/detour/suggest.h"
#include "tools/detour/uplinks.h"

namespace detour::command {
namespace {

using nlohmann::json;

// The rows whose `member` is `wanted`, all of them for "". Nothing, after a complaint: there is
// none.
std::optional<json> chosen(const Context& context, const json& rows, const char* member,
                           const std::string& wanted, std::string_view what) {
    json result = json::array();
    std::vector<std::string> names;
    for (const json& row : rows) {
        names.push_back(text_of(row, member));
        if (wanted.empty() || names.back() == wanted)
            result.push_back(row);
    }
    if (!result.empty() || wanted.empty())
        return std::optional<json>(std::in_place, std::move(result));
    static_cast<void>(
        refuse(context, fmt::format("there is no {} \"{}\"{}; there is {}", what, wanted,
                                    did_you_mean(wanted, names), fmt::join(names, ", "))));
    return std::nullopt;
}

constexpr double news_seconds = 3600;

std::string ago(const json& seconds) {
    return seconds.is_number() ? short_age(seconds) + " ago" : "never";
}

void print_counts(const json& peer, std::string_view indent) {
    const auto count = [&](const char* what, const char* family) {
        return peer.at(what).at(family).get<std::size_t>();
    };
    fmt::print("{}announced {} IPv4 and {} IPv6, received {} and {}\n", indent,
               count("announced", "ipv4"), count("announced", "ipv6"), count("received", "ipv4"),
               count("received", "ipv6"));
    if (peer.at("accepted") != peer.at("received"))
        fmt::print("{}of these {} and {} are refused: detour bgp routes --in {}\n", indent,
                   count("received", "ipv4") - count("accepted", "ipv4"),
                   count("received", "ipv6") - count("accepted", "ipv6"), text_of(peer, "peer"));
    if (peer.at("near_limit") == true)
        fmt::print("{}{}\n", indent,
                   styled(fmt::format("more than {} prefixes of a family end the session",
                                      peer.at("max_prefixes").get<std::uint32_t>()),
                          Style::yellow));
}

void print_session(const json& peer, std::string_view indent) {
    const std::string state = text_of(peer, "state");
    const bool is_up = state == "Established";
    fmt::print("{}{} AS{}  {} for {}\n", indent, text_of(peer, "peer"),
               peer.at("asn").get<std::uint32_t>(),
               styled(state, is_up ? Style::green : Style::red), short_age(peer.at("since_s")));
    const std::string deeper(indent.size() + 2, ' ');
    if (is_up)
        print_counts(peer, deeper);
    if (peer.contains("restarting_s"))
        fmt::print("{}restarting: its routes are kept for another {}\n", deeper,
                   short_age(peer.at("restarting_s")));
    if (!peer.contains("last_error"))
        return;
    // Of a session that stands, why the one before it ended is news for a while only.
    if (is_up && peer.at("since_s") > news_seconds)
        return;
    fmt::print("{}{} {} ago: {}\n", deeper, is_up ? "the one before ended" : "last error",
               short_age(peer.at("last_error").at("age_s")),
               text_of(peer.at("last_error"), "text"));
}

void print_watch(const json& watch) {
    const std::string verdict = text_of(watch, "verdict");
    const json& loss = watch.at("loss");
    fmt::print("  {:<18} {} for {}\n", block_name(watch), styled(verdict, style_of(verdict)),
               short_age(watch.at("since_s")));
    if (verdict != "HEALTHY" && verdict != "AWAY")
        fmt::print("      {}\n", explain(watch.at("why")));
    fmt::print("      loss: block {}, outside it {}, inside the provider {}; in {}\n",
               percent(loss.at("beacon")), percent(loss.at("control")),
               percent(loss.at("sentinel")), rate(watch.at("packets_per_second")));
    if (verdict != "AWAY")
        return;
    const bool is_armed = watch.value("armed", false);
    const std::string missing = text_of(watch.at("armed_why"), "missing");
    fmt::print("      {}; way proven {}, block seen leaving {}\n",
               is_armed ? styled("armed: could take it", Style::green)
                        : styled("not armed: " + missing, Style::yellow),
               ago(watch.at("tunnel_age_s")), ago(watch.at("egress_age_s")));
}

void print_uplinks(const json& rows) {
    for (const json& uplink : rows) {
        const bool is_up = text_of(uplink, "link") == "up";
        fmt::print("{} ({})  link {} for {}\n", styled(text_of(uplink, "name"), Style::strong),
                   text_of(uplink, "kind"),
                   styled(text_of(uplink, "link"), is_up ? Style::green : Style::red),
                   short_age(uplink.at("since_s")));
        for (const json& peer : uplink.at("bgp"))
            print_session(peer, "  bgp ");
        for (const json& watch : uplink.at("blocks"))
            print_watch(watch);
    }
}

bool are_uplinks_calm(const json& rows) {
    return std::ranges::all_of(rows, [](const json& uplink) {
        return text_of(uplink, "link") == "up" &&
               std::ranges::all_of(uplink.at("blocks"), [](const json& watch) {
                   return is_calm(text_of(watch, "verdict"));
               });
    });
}

void print_sessions(const json& rows) {
    for (const json& uplink : rows)
        for (const json& peer : uplink.at("bgp"))
            print_session(peer, fmt::format("{:<12} ", text_of(uplink, "name")));
}

bool are_sessions_up(const json& rows) {
    return std::ranges::all_of(rows, [](const json& uplink) {
        return std::ranges::all_of(uplink.at("bgp"), [](const json& peer) {
            return text_of(peer, "state") == "Established";
        });
    });
}

void print_set(const json& set) {
    std::vector<std::string> prefixes;
    for (const json& prefix : set.at("prefixes"))
        prefixes.push_back(prefix);
    const bool is_away = set.at("uplink") != set.at("home");
    fmt::print("{}  {}\n  leaves by {} for {} (home: {}){}\n",
               styled(block_name(set), Style::strong), fmt::join(prefixes, ", "),
               styled(text_of(set, "uplink"), is_away ? Style::yellow : Style::green),
               short_age(set.at("since_s")), text_of(set, "home"),
               is_away ? ", because of " + text_of(set, "placed_by") : "");
    for (const json& row : set.at("announced")) {
        fmt::print("  announced on {}", text_of(row, "uplink"));
        if (const auto prepends = row.value("prepends", 0U); prepends > 0)
            fmt::print(", {} prepends", prepends);
        fmt::print("{}{}\n", row.value("no_export", false) ? ", NO_EXPORT" : "",
                   row.value("graceful_shutdown", false) ? ", GRACEFUL_SHUTDOWN" : "");
    }
    if (!set.at("move").is_null())
        fmt::print("  {}: {}\n", text_of(set.at("move"), "kind"), text_of(set.at("move"), "step"));
    const std::string next = explain(set.at("next"));
    fmt::print("{}\n", folded(fmt::format("  next: {}{}", next.empty() ? "nothing to do" : next,
                                          set.at("next_in_s").is_number()
                                              ? ", in " + short_age(set.at("next_in_s"))
                                              : ""),
                              4));
}

void print_sets(const json& rows) {
    for (const json& set : rows)
        print_set(set);
}

bool are_sets_home(const json& rows) {
    return std::ranges::all_of(rows,
                               [](const json& set) { return set.at("uplink") == set.at("home"); });
}

// One list of the status document, narrowed to what was named.
struct View {
    const char* list;    // of the document
    const char* member;  // that is named
    std::string_view what;
    void (*print)(const json& rows);
    bool (*is_calm)(const json& rows);
};

int show(const Context& context, const std::string& wanted, const View& view) {
    const Reply reply = client_of(context).get("/v1/status");
    if (!reply)
        return fail(reply.error(), context.output);
    const auto rows = chosen(context, reply->at(view.list), view.member, wanted, view.what);
    if (!rows)
        return exit_code::error;
    if (context.output == Output::text)
        view.print(*rows);
    else
        fmt::print("{}\n", json{{"schema_version", schema_version}, {view.list, *rows}}.dump(2));
    return view.is_calm(*rows) ? exit_code::ok : exit_code::attention;
}

Action declare(CLI::App& arguments, const char* object, const View& view) {
    const auto wanted = std::make_shared<std::string>();
    arguments.add_option(object, *wanted, fmt::format("One {} only", view.what))->type_name("");
    arguments.footer(
        "Exit status: 0 calm, 1 something needs a look, 2 error, 3 detourd does not answer.\n");
    return [wanted, view](const Context& context) { return show(context, *wanted, view); };
}

}  // namespace

Action declare_uplinks(CLI::App& arguments) {
    return declare(arguments, "UPLINK",
                   {"uplinks", "name", "uplink", print_uplinks, are_uplinks_calm});
}

int show_sessions(const Context& context, const std::string& uplink) {
    return show(context, uplink, {"uplinks", "name", "uplink", print_sessions, are_sessions_up});
}

Action declare_prefixes(CLI::App& arguments) {
    return declare(arguments, "SET", {"sets", "set", "prefix set", print_sets, are_sets_home});
}

}  // namespace detour::command
