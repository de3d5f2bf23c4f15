// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour status: what is true, since when, how do we know, what comes next.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::json;

bool is_calm(const std::string& verdict) {
    for (const char* calm :
         {"HEALTHY", "AWAY", "CONTROL-BAD", "SENTINEL-BAD", "UNSEEN", "NEVER-PROVEN", "UNCLEAR"})
        if (verdict == calm)
            return true;
    return false;
}

std::string percent(const json& loss) {
    return loss.is_null() ? "-" : fmt::format("{:.0f}%", loss.get<double>() * 100);
}

std::string text(const json& object, const char* name) {
    return object.at(name).get<std::string>();
}

void print_head(const json& status) {
    const json& dataplane = status.at("dataplane");
    const bool is_lost = text(dataplane, "telemetry") == "lost";
    fmt::print(
        "{}  AS{}  mode {}  profile {}  up {}  detour {}\n",
        styled(text(status, "router"), Style::strong), status.at("asn").get<std::uint32_t>(),
        styled(text(status, "mode"), text(status, "mode") == "auto" ? Style::plain : Style::yellow),
        text(status, "profile"), age(status.at("uptime_s")), status.value("version", ""));
    fmt::print("data plane: {}, {}", text(dataplane, "kind"),
               is_lost ? styled("does not answer", Style::red) : "answers");
    if (const std::string veto = status.at("veto"); !veto.empty())
        fmt::print("; {}", styled("not judging now: " + veto, Style::yellow));
    if (status.at("frozen").get<bool>())
        fmt::print("; {}", styled("FROZEN: nothing is moved", Style::red));
    fmt::print("\n");
}

void print_session(const json& peer) {
    const bool is_up = text(peer, "state") == "Established";
    fmt::print("    bgp {} AS{}: {} for {}, {} + {} announced", text(peer, "peer"),
               peer.at("asn").get<std::uint32_t>(),
               styled(text(peer, "state"), is_up ? Style::green : Style::red),
               age(peer.at("since_s")), peer.at("announced").at("ipv4").get<int>(),
               peer.at("announced").at("ipv6").get<int>());
    if (!is_up && peer.contains("last_error"))
        fmt::print(" ({})", text(peer.at("last_error"), "text"));
    fmt::print("\n");
}

void print_watch(const json& watch) {
    const std::string verdict = watch.at("verdict");
    fmt::print("    {:<14} {} for {}", text(watch, "set") + "/" + text(watch, "family"),
               styled(fmt::format("{:<15}", verdict), verdict == "HEALTHY" ? Style::green
                                                      : is_calm(verdict)   ? Style::plain
                                                                           : Style::red),
               age(watch.at("since_s")));
    const json& loss = watch.at("loss");
    fmt::print("  loss B {} C {}", percent(loss.at("beacon")), percent(loss.at("control")));
    if (!watch.at("packets_per_second").is_null())
        fmt::print("  {:.0f} packets/s in", watch.at("packets_per_second").get<double>());
    if (watch.at("armed").get<bool>())
        fmt::print("  armed");
    fmt::print("\n");
    if (verdict != "HEALTHY" && verdict != "AWAY")
        fmt::print("        {}\n", explain(watch.at("why")));
}

void print_set(const json& set) {
    std::string announced;
    for (const json& row : set.at("announced"))
        announced += (announced.empty() ? "" : ", ") + text(row, "uplink");
    std::string prefixes;
    for (const json& prefix : set.at("prefixes"))
        prefixes += " " + prefix.get<std::string>();
    const bool is_away = set.at("uplink") != set.at("home");
    fmt::print("  {:<14}{}  by {} for {}{}; announced on {}\n",
               text(set, "set") + "/" + text(set, "family"), prefixes,
               styled(text(set, "uplink"), is_away ? Style::yellow : Style::green),
               age(set.at("since_s")), is_away ? fmt::format(" ({})", text(set, "placed_by")) : "",
               announced);
    if (!set.at("move").is_null())
        fmt::print("      {}: {}\n", text(set.at("move"), "kind"), text(set.at("move"), "step"));
    fmt::print("      next: {}", explain(set.at("next")));
    if (!set.at("next_in_s").is_null())
        fmt::print(", in {}", age(set.at("next_in_s")));
    fmt::print("\n");
}

// 1 when something is not calm: a script need not read the text.
int exit_code(const json& status) {
    if (text(status.at("dataplane"), "telemetry") == "lost" &&
        text(status.at("dataplane"), "kind") == "dpdk")
        return 1;
    for (const json& uplink : status.at("uplinks"))
        for (const json& watch : uplink.at("blocks"))
            if (!is_calm(watch.at("verdict")))
                return 1;
    for (const json& set : status.at("sets"))
        if (set.at("uplink") != set.at("home"))
            return 1;
    return 0;
}

int status(const Context& context) {
    const Reply reply = client_of(context).get("/v1/status");
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json) {
        fmt::print("{}\n", reply->dump(2));
        return exit_code(*reply);
    }
    print_head(*reply);
    for (const json& uplink : reply->at("uplinks")) {
        const bool is_up = text(uplink, "link") == "up";
        fmt::print("{} ({}): link {} for {}\n", styled(text(uplink, "name"), Style::strong),
                   text(uplink, "kind"),
                   styled(text(uplink, "link"), is_up ? Style::green : Style::red),
                   age(uplink.at("since_s")));
        for (const json& peer : uplink.at("bgp"))
            print_session(peer);
        for (const json& watch : uplink.at("blocks"))
            print_watch(watch);
    }
    fmt::print("{}\n", styled("prefix sets", Style::strong));
    for (const json& set : reply->at("sets"))
        print_set(set);
    return exit_code(*reply);
}

}  // namespace

Action declare_status(CLI::App& arguments) {
    arguments.footer(
        "Exit status: 0 calm, 1 something needs a look, 2 error, 3 detourd does not answer.\n");
    return status;
}

}  // namespace detour::command
