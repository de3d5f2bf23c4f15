// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/status_screen.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/look.h"

namespace detour::command {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

const json& none() {
    static const json empty = json::array();
    return empty;
}

const json& list_of(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_array() ? *found : none();
}

// Null when it is not there.
const json& object_of(const json& object, const char* name) {
    static const json null;
    const auto found = object.find(name);
    return found != object.end() ? *found : null;
}

// Of blocks, for a column; a longer name is cut, so that the rest of the line keeps its room.
std::size_t longest_name(const json& rows) {
    constexpr std::size_t room = 18;
    std::size_t longest = 0;
    for (const json& row : rows)
        longest = std::max(longest, block_name(row).size());
    return std::min(longest, room);
}

bool is_silent(const json& status) {
    const json& plane = status.at("dataplane");
    return text_of(plane, "telemetry") == "lost" && text_of(plane, "kind") == "dpdk";
}

// Of the planes that say which version they are, those that are not this one.
Lines strangers(const StatusView& view) {
    Lines result;
    const std::string daemon = text_of(view.status, "version");
    if (!daemon.empty() && daemon != view.command)
        result.push_back("detourd " + daemon);
    if (!view.dataplane.empty() && view.dataplane != view.command)
        result.push_back("detour-dataplane " + view.dataplane);
    return result;
}

std::string head_line(const StatusView& view) {
    const json& status = view.status;
    const std::string mode = text_of(status, "mode");
    std::string line = fmt::format(
        "{}  AS{}  mode {}  profile {}", styled(text_of(status, "router"), Style::strong),
        status.at("asn").get<std::uint32_t>(),
        styled(mode, mode == "auto" ? Style::plain : Style::yellow), text_of(status, "profile"));
    if (const auto revision = status.find("revision"); revision != status.end()) {
        const json number = revision->is_object() ? revision->value("number", json()) : *revision;
        if (number.is_number())
            line += fmt::format("  revision {}", number.get<std::uint64_t>());
    }
    return line + fmt::format("  up {}", short_age(status.at("uptime_s")));
}

std::string plane_line(const StatusView& view) {
    const json& plane = view.status.at("dataplane");
    return fmt::format("detourd {}; data plane {}{}{} {}", text_of(view.status, "version"),
                       text_of(plane, "kind"), view.dataplane.empty() ? "" : " ", view.dataplane,
                       is_silent(view.status) ? styled("does not answer", Style::red) : "answers");
}

// "FROZEN by anna, 1h59m left; end it: detour thaw (the provider works on it)"
std::string freeze_line(const json& status) {
    std::string who;
    std::string why;
    if (const json& freeze = object_of(status, "freeze"); freeze.is_object()) {
        who = " by " + text_of(freeze, "actor");
        if (freeze.at("left_s").is_number())
            who += fmt::format(", {} left", short_age(freeze.at("left_s")));
        if (!text_of(freeze, "reason").empty())
            why = fmt::format(" ({})", text_of(freeze, "reason"));
    }
    return styled(fmt::format("FROZEN{}: nothing moves; end it: detour thaw{}", who, why),
                  Style::red);
}

// What runs and will go back by itself.
std::string trial_line(const json& status) {
    const json& running = object_of(status, "configuration");
    if (!running.is_object() || !running.contains("trial_left_s") ||
        !running.at("trial_left_s").is_number())
        return {};
    return fmt::format("ON TRIAL: revision {} goes back in {} (keep it: detour confirm)",
                       running.at("revision").get<std::uint64_t>(),
                       short_age(running.at("trial_left_s")));
}

// Values that hold for a time: "override night (anna) 7h left: policy.fail-back auto".
Lines override_lines(const json& status) {
    Lines lines;
    const json& running = object_of(status, "configuration");
    if (!running.is_object())
        return lines;
    for (const json& override : list_of(running, "overrides")) {
        std::string values;
        for (const auto& [path, value] : override.at("set").items())
            values +=
                fmt::format("{}{} {}", values.empty() ? "" : ", ", path, value.get<std::string>());
        lines.push_back(fmt::format("override {} ({}) {} left: {}", text_of(override, "name"),
                                    text_of(override, "owner"), short_age(override.at("left_s")),
                                    values));
    }
    return lines;
}

Lines alarm_lines(const StatusView& view) {
    Lines lines;
    const json& status = view.status;
    if (const Lines others = strangers(view); !others.empty())
        lines.push_back(styled(
            fmt::format("MISMATCH: this is {}, {} runs", view.command, fmt::join(others, ", ")),
            Style::red));
    if (status.value("frozen", false))
        lines.push_back(freeze_line(status));
    if (const std::string trial = trial_line(status); !trial.empty())
        lines.push_back(styled(trial, Style::yellow));
    for (const std::string& line : override_lines(status))
        lines.push_back(styled(line, Style::yellow));
    if (const std::string veto = text_of(status, "veto"); !veto.empty())
        lines.push_back(styled("not judging now: " + veto, Style::yellow));
    if (view.incident.is_object())
        lines.push_back(styled(fmt::format("INCIDENT {} open for {}: {} (detour incident)",
                                           view.incident.at("id").get<std::uint64_t>(),
                                           short_age(view.incident.at("lasted_s")),
                                           text_of(view.incident, "headline")),
                               Style::red));
    return lines;
}

std::string sessions_text(const json& peers) {
    std::size_t up = 0;
    std::string down;
    double since = 0;
    for (const json& peer : peers) {
        const std::string state = text_of(peer, "state");
        if (state == "Established") {
            ++up;
            since = std::max(since, peer.value("since_s", 0.0));
        } else {
            down += fmt::format(", {} {} for {}", text_of(peer, "peer"), state,
                                short_age(peer.at("since_s")));
        }
    }
    if (peers.empty())
        return "no bgp";
    return fmt::format("bgp {}/{} Established{}{}", up, peers.size(),
                       down.empty() ? " for " + short_age(since) : "", styled(down, Style::red));
}

std::string uplink_line(const json& uplink) {
    const bool is_up = text_of(uplink, "link") == "up";
    return fmt::format("{} ({})  link {} for {}  {}",
                       styled(text_of(uplink, "name"), Style::strong), text_of(uplink, "kind"),
                       styled(text_of(uplink, "link"), is_up ? Style::plain : Style::red),
                       short_age(uplink.at("since_s")), sessions_text(list_of(uplink, "bgp")));
}

std::string watch_line(const json& watch, std::size_t longest) {
    const std::string verdict = text_of(watch, "verdict");
    std::string line = fmt::format(
        "  {:<{}} {} for {:<7}", cut(block_name(watch), longest), longest,
        styled(fmt::format("{:<15}", verdict), style_of(verdict)), short_age(watch.at("since_s")));
    if (verdict == "AWAY") {
        if (watch.value("armed", false))
            line += fmt::format("  {}, proven {} ago", styled("armed", Style::green),
                                short_age(watch.at("tunnel_age_s")));
        else
            line += fmt::format("  {}: {}", styled("not armed", Style::yellow),
                                text_of(watch.at("armed_why"), "missing"));
        return line;
    }
    const json& loss = watch.at("loss");
    return line + fmt::format("  loss B {:>4} C {:>4}  in {:>7}", percent(loss.at("beacon")),
                              percent(loss.at("control")), rate(watch.at("packets_per_second")));
}

// Why a verdict that is neither HEALTHY nor AWAY stands.
std::string watch_reason(const json& watch) {
    const json& why = watch.at("why");
    const std::string missing = text_of(why, "missing");
    const std::string note = text_of(why, "note");
    return fmt::format("      {}{}{}", note,
                       note.empty() || missing.empty() ? "" : "; missing: ", missing);
}

// The first uplink of the order that could take the block: "partner, proven 2.1s ago".
std::string successor(const json& status, const json& set) {
    for (const json& uplink : list_of(status, "uplinks")) {
        if (text_of(uplink, "name") == text_of(set, "uplink"))
            continue;
        for (const json& watch : list_of(uplink, "blocks"))
            if (block_name(watch) == block_name(set) && watch.value("armed", false))
                return fmt::format("{}, proven {} ago", text_of(uplink, "name"),
                                   short_age(watch.at("tunnel_age_s")));
    }
    return styled("none is armed", Style::red);
}

std::string set_line(const json& status, const json& set, std::size_t longest) {
    const std::string uplink = text_of(set, "uplink");
    const bool is_away = uplink != text_of(set, "home");
    Lines announced;
    for (const json& row : list_of(set, "announced"))
        announced.push_back(text_of(row, "uplink"));
    const bool is_plain = announced == Lines{uplink};
    return fmt::format("  {:<{}} by {}{} for {}{}; next {}", cut(block_name(set), longest), longest,
                       styled(uplink, is_away ? Style::yellow : Style::green),
                       is_away ? fmt::format(" (home {})", text_of(set, "home")) : "",
                       short_age(set.at("since_s")),
                       is_plain ? "" : fmt::format(", announced on {}", fmt::join(announced, "+")),
                       successor(status, set));
}

std::string next_text(const json& set) {
    std::string line;
    if (const json& move = set.at("move"); move.is_object())
        line += fmt::format("{} is at {}; ", text_of(move, "kind"), text_of(move, "step"));
    const json& next = set.at("next");
    const std::string rule = text_of(next, "rule");
    line += rule.empty() && set.at("move").is_null() ? "nothing to do" : rule;
    if (const std::string missing = text_of(next, "missing"); !missing.empty())
        line += ", waits: " + missing;
    if (const json& in = set.at("next_in_s"); in.is_number())
        line += fmt::format(", in {}", short_age(in));
    if (const std::string command = text_of(set, "command"); !command.empty())
        line += fmt::format("; to do it: {}", styled(command, Style::strong));
    return line;
}

std::string next_line(const json& set) {
    return fmt::format("  {}: {}", block_name(set), next_text(set));
}

// How much room there is: what is calm is counted when there is too little, first on the uplinks,
// then of the sets.
enum class Room : std::uint8_t { ample, no_gaps, calm_uplinks_counted, calm_sets_counted };

bool wants_a_line(const json& watch) {
    const std::string verdict = text_of(watch, "verdict");
    return verdict != "HEALTHY" && verdict != "AWAY";
}

Lines uplink_lines(const json& uplink, Room room) {
    const bool is_short = room >= Room::calm_uplinks_counted;
    Lines lines{uplink_line(uplink)};
    const std::size_t longest = longest_name(list_of(uplink, "blocks"));
    std::map<std::string, std::size_t> calm;
    for (const json& watch : list_of(uplink, "blocks")) {
        const std::string verdict = text_of(watch, "verdict");
        const bool is_idle =
            !wants_a_line(watch) && (verdict != "AWAY" || watch.value("armed", false));
        if (is_short && is_idle) {
            ++calm[verdict == "AWAY" ? "AWAY and armed" : verdict];
            continue;
        }
        lines.push_back(watch_line(watch, longest));
        if (room < Room::calm_sets_counted && wants_a_line(watch))
            lines.push_back(watch_reason(watch));
    }
    for (const auto& [verdict, count] : calm)
        lines.push_back(fmt::format("  {} {}", count, verdict));
    return lines;
}

Lines set_lines(const json& status, bool is_short) {
    Lines lines{styled("Where traffic goes, and who would take over", Style::strong)};
    const std::size_t longest = longest_name(list_of(status, "sets"));
    std::size_t at_home = 0;
    for (const json& set : list_of(status, "sets")) {
        if (is_short && text_of(set, "uplink") == text_of(set, "home") && set.at("move").is_null())
            ++at_home;
        else
            lines.push_back(set_line(status, set, longest));
    }
    if (at_home > 0)
        lines.push_back(fmt::format("  {} at home", at_home));
    return lines;
}

Lines next_lines(const json& status, bool is_short) {
    Lines lines{styled("What comes next", Style::strong)};
    std::map<std::string, std::size_t> said;
    for (const json& set : list_of(status, "sets")) {
        const bool is_quiet = set.at("move").is_null() && set.at("next_in_s").is_null();
        if (is_short && is_quiet)
            ++said[next_text(set)];
        else
            lines.push_back(next_line(set));
    }
    for (const auto& [rule, count] : said)
        lines.push_back(fmt::format("  {} of {}: {}", count, list_of(status, "sets").size(), rule));
    return lines;
}

// What is less than the configuration asks for.
Lines short_lines(const json& status) {
    Lines lines;
    if (const auto probes = status.find("probes"); probes != status.end()) {
        const double stretch = probes->value("stretch", 1.0);
        if (stretch > 1.005)
            lines.push_back(styled(
                fmt::format("probes thinned: {:.0f}/s wanted, intervals {:.2f} times as long "
                            "(caps, probe-limit)",
                            probes->value("planned_per_second", 0.0), stretch),
                Style::yellow));
    }
    for (const json& uplink : list_of(status, "uplinks"))
        for (const char* family : {"ipv4", "ipv6"}) {
            const json path = uplink.value("path_mtu", json::object()).value(family, json());
            if (path.is_number() && path < uplink.value("mtu", 0))
                lines.push_back(
                    styled(fmt::format("{} carries {} bytes of {} at most, {} are configured",
                                       text_of(uplink, "name"), path.get<unsigned>(), family,
                                       uplink.value("mtu", 0U)),
                           Style::yellow));
        }
    return lines;
}

Lines screen(const StatusView& view, Room room) {
    const bool has_gaps = room == Room::ample;
    const bool is_short = room == Room::calm_sets_counted;
    Lines lines{head_line(view), plane_line(view)};
    const auto add = [&](const Lines& more) {
        lines.insert(lines.end(), more.begin(), more.end());
    };
    add(alarm_lines(view));
    add(short_lines(view.status));
    if (has_gaps)
        lines.emplace_back();
    for (const json& uplink : list_of(view.status, "uplinks"))
        add(uplink_lines(uplink, room));
    if (has_gaps)
        lines.emplace_back();
    add(set_lines(view.status, is_short));
    add(next_lines(view.status, is_short));
    return lines;
}

}  // namespace

std::string status_screen(const StatusView& view, Size size) {
    Lines lines;
    for (const Room room :
         {Room::ample, Room::no_gaps, Room::calm_uplinks_counted, Room::calm_sets_counted}) {
        lines = screen(view, room);
        if (lines.size() <= size.rows)
            break;
    }
    if (lines.size() > size.rows) {
        const std::size_t hidden = lines.size() - size.rows + 1;
        lines.resize(size.rows - 1);
        lines.push_back(fmt::format("... {} lines more: detour status --all", hidden));
    }
    std::string text;
    for (const std::string& line : lines)
        text += cut(line, size.columns) + "\n";
    return text;
}

int status_code(const StatusView& view) {
    if (is_silent(view.status) || !strangers(view).empty() || view.incident.is_object() ||
        view.status.value("frozen", false) || !trial_line(view.status).empty())
        return exit_code::attention;
    for (const json& uplink : list_of(view.status, "uplinks")) {
        if (text_of(uplink, "link") != "up")
            return exit_code::attention;
        for (const json& peer : list_of(uplink, "bgp"))
            if (text_of(peer, "state") != "Established")
                return exit_code::attention;
        for (const json& watch : list_of(uplink, "blocks"))
            if (!is_calm(text_of(watch, "verdict")))
                return exit_code::attention;
    }
    for (const json& set : list_of(view.status, "sets"))
        if (text_of(set, "uplink") != text_of(set, "home"))
            return exit_code::attention;
    return exit_code::ok;
}

}  // namespace detour::command
