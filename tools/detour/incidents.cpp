// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour incidents: when there was trouble. detour incident [ID]: one, step by step, with what each
// step rests on; without an id the newest.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/look.h"
#include "tools/detour/time_text.h"

namespace detour::command {
namespace {

using nlohmann::json;

std::vector<std::string> words_of(const json& list) {
    std::vector<std::string> words;
    for (const json& word : list)
        words.push_back(word);
    return words;
}

std::string lasted(const json& incident) {
    return fmt::format("{} {}", incident.value("open", false) ? "open for" : "lasted",
                       age(incident.at("lasted_s")));
}

int print_list(const json& document, Clock clock) {
    if (document.at("incidents").empty())
        fmt::print("no incident, as far as the journal goes back\n");
    int code = exit_code::ok;
    for (const json& incident : document.at("incidents")) {
        const bool is_open = incident.value("open", false);
        fmt::print("{:>8}  {}  {}  {}\n          {}\n", incident.at("id").get<std::uint64_t>(),
                   time_text(text_of(incident, "began"), clock),
                   is_open ? styled(lasted(incident), Style::red) : lasted(incident),
                   fmt::join(words_of(incident.at("sets")), ", "), text_of(incident, "headline"));
        if (is_open)
            code = exit_code::attention;
    }
    return code;
}

// "score 33.4 (at least 33), targets 6 of 6 (at least 4)"; what is only true or false is shown when
// it is not what it should be.
std::string figures_text(const json& figures) {
    std::vector<std::string> parts;
    for (const json& figure : figures) {
        const std::string threshold = text_of(figure, "threshold");
        const bool is_plain = threshold == "yes" || threshold == "no";
        if (!threshold.empty() && !(is_plain && figure.value("holds", true)))
            parts.push_back(fmt::format("{}{} {} ({})", figure.value("holds", true) ? "" : "NOT ",
                                        text_of(figure, "name"), text_of(figure, "value"),
                                        threshold));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

Style style_of_event(const json& event) {
    const std::string kind = text_of(event, "kind");
    if (kind == "held")
        return Style::yellow;
    return kind == "verdict" ? Style::strong : Style::plain;
}

void print_event(const json& event) {
    std::string subject = text_of(event, "set");
    if (const std::string family = text_of(event, "family"); !family.empty())
        subject += "/" + family;
    const std::string line =
        folded(fmt::format("{:>+10.3f} s  {}{}{} [#{}]", event.at("offset_s").get<double>(),
                           subject, subject.empty() ? "" : "  ", text_of(event, "text"),
                           event.at("number").get<std::uint64_t>()),
               16);
    fmt::print("{}\n", styled(line, style_of_event(event)));
    const auto below = [](const std::string& what) {
        constexpr std::size_t indent = 16;
        fmt::print("{}\n", folded(std::string(indent, ' ') + what, indent));
    };
    if (const std::string figures = figures_text(event.at("figures")); !figures.empty())
        below(figures);
    if (const std::string missing = text_of(event, "missing"); !missing.empty())
        below("missing: " + missing);
    // To be typed as it stands: never folded.
    if (const std::string command = text_of(event, "command"); !command.empty())
        fmt::print("{:16}to do it: {}\n", "", command);
    // Of a step the note is often where to, which the line says.
    if (const std::string note = text_of(event, "note");
        !note.empty() && !text_of(event, "text").contains(" to " + note))
        below(note);
    // What it all rests on; other causes are events that stand above, and steps rest on them.
    if (text_of(event, "kind") != "verdict")
        return;
    for (const json& cause : event.at("because")) {
        if (text_of(cause, "text").starts_with("probe"))
            below(fmt::format("seen {}x: {}", cause.at("records").size(), text_of(cause, "text")));
    }
}

int print_one(const json& incident, Clock clock) {
    fmt::print(
        "{}  {}\nbegan {}, {}\n",
        styled(fmt::format("incident {}", incident.at("id").get<std::uint64_t>()), Style::strong),
        text_of(incident, "headline"), time_text(text_of(incident, "began"), clock),
        lasted(incident));
    fmt::print("touched {}", fmt::join(words_of(incident.at("sets")), ", "));
    if (!incident.at("away").empty())
        fmt::print("; not at home: {}", fmt::join(words_of(incident.at("away")), ", "));
    fmt::print("\n\n");
    for (const json& event : incident.at("events"))
        print_event(event);
    if (incident.value("truncated", false))
        fmt::print("... more: detour events\n");
    return incident.value("open", false) ? exit_code::attention : exit_code::ok;
}

}  // namespace

Action declare_incidents(CLI::App& arguments) {
    const auto count = std::make_shared<unsigned>(20);
    arguments.add_option("-n,--count", *count, "The last so many")
        ->type_name("COUNT")
        ->capture_default_str();
    arguments.footer(
        "Exit status: 0 none is open, 1 one is, 2 error, 3 detourd does not answer.\n");
    return [count](const Context& context) {
        return look(context, "/v1/incidents", {{"count", std::to_string(*count)}},
                    [&](const json& document) { return print_list(document, context.clock); });
    };
}

Action declare_incident(CLI::App& arguments) {
    const auto id = std::make_shared<std::string>();
    arguments.add_option("ID", *id, "Its number in detour incidents; else the newest")
        ->type_name("");
    arguments.footer(
        "Exit status: 0 it is over, 1 it is open, 2 error, 3 detourd does not answer.\n");
    return [id](const Context& context) {
        return look(context, "/v1/incident", id->empty() ? Query{} : Query{{"id", *id}},
                    [&](const json& document) { return print_one(document, context.clock); });
    };
}

}  // namespace detour::command
