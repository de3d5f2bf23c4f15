// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/grammar.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tools/detour/completion.h"
#include "tools/detour/suggest.h"

namespace detour::command {
namespace {

Action nothing(CLI::App&) {
    return [](const Context&) { return 0; };
}

constexpr std::array few{
    Verb{.name = "status", .effect = Effect::reads, .declare = nothing},
    Verb{.name = "prefixes", .effect = Effect::reads, .declare = nothing},
    Verb{.name = "probes", .effect = Effect::reads, .declare = nothing},
    Verb{.name = "move", .effect = Effect::changes, .declare = nothing},
    Verb{.name = "bfd", .effect = Effect::reads},
};

std::string meant(std::string_view word) {
    const auto verb = resolve(word, few);
    return verb ? std::string((*verb)->name) : verb.error();
}

std::set<std::string> words_of(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::set<std::string> words;
    for (std::string word; stream >> word;)
        words.insert(word);
    return words;
}

// What the verb declares, as its row should say it.
std::set<std::string> declared_options(const CLI::App& app) {
    std::set<std::string> words;
    for (const CLI::Option* option : app.get_options()) {
        if (!option->nonpositional() || option->check_lname("help"))
            continue;
        words.insert(option->get_snames().empty() ? "--" + option->get_lnames().front()
                                                  : "-" + option->get_snames().front());
        if (option->get_items_expected_min() > 0)
            words.insert(option->get_type_name().substr(0, option->get_type_name().find(':')));
    }
    return words;
}

std::set<std::string> declared_objects(const CLI::App& app) {
    std::set<std::string> words;
    for (const CLI::Option* option : app.get_options())
        if (option->get_positional())
            words.insert(option->get_required() ? option->get_name(true)
                                                : fmt::format("[{}]", option->get_name(true)));
    return words;
}

}  // namespace

TEST_CASE("a verb that reads may be abbreviated as long as only one is meant") {
    CHECK(meant("status") == "status");
    CHECK(meant("st") == "status");
    CHECK(meant("pre") == "prefixes");
    CHECK(meant("pr") == "\"pr\" could be prefixes or probes");
}

TEST_CASE("a verb that changes something is never guessed") {
    CHECK(meant("move") == "move");
    CHECK(meant("mov") == "\"mov\" could be move, which changes things: write it out");
    CHECK(meant("mvoe") == "there is no verb \"mvoe\"; did you mean move?");
}

TEST_CASE("what is misspelt is told with what was meant, and only when it is near") {
    CHECK(meant("statsu") == "there is no verb \"statsu\"; did you mean status?");
    CHECK(meant("prefxies") == "there is no verb \"prefxies\"; did you mean prefixes?");
    CHECK(meant("xyz") == "there is no verb \"xyz\"");
    CHECK(meant("bfd") == "bfd is not offered yet: this release cannot do it");
    CHECK(distance("kitten", "sitting") == 3);
    CHECK(distance("ab", "ba") == 1);
    CHECK(distance("", "abc") == 3);
}

TEST_CASE("the table names every verb of the manual's list, once") {
    constexpr std::array<std::string_view, 39> wanted{
        "run",       "check",     "plan",     "apply",   "confirm",  "rollback",   "config",
        "revisions", "reload",    "status",   "uplinks", "prefixes", "bgp",        "bfd",
        "probes",    "tunnels",   "ports",    "drops",   "routes",   "neighbours", "events",
        "why",       "incidents", "incident", "move",    "drain",    "failback",   "freeze",
        "thaw",      "pin",       "drill",    "targets", "doctor",   "capture",    "trace",
        "log-level", "version",   "abort",    "help"};
    std::set<std::string_view> seen;
    for (const Verb& verb : verbs()) {
        CAPTURE(verb.name);
        CHECK(seen.insert(verb.name).second);
        CHECK_FALSE(verb.summary.empty());
        CHECK(verb.summary.size() <= 60);
    }
    for (const std::string_view verb : wanted) {
        CAPTURE(verb);
        CHECK(seen.contains(verb));
    }
}

TEST_CASE("each row says what its verb declares") {
    const Grammar grammar;
    for (const Verb& verb : verbs()) {
        if (!verb.is_offered())
            continue;
        CAPTURE(verb.name);
        CHECK(words_of(verb.options) == declared_options(grammar.arguments(verb)));
        if (!verb.object.starts_with('\'') && verb.object.find('|') == std::string_view::npos)
            CHECK(words_of(verb.object) == declared_objects(grammar.arguments(verb)));
    }
}

TEST_CASE("what changes something can be given a reason") {
    const Grammar grammar;
    for (const Verb& verb : verbs()) {
        // confirm keeps what an apply with its reason has done; a log level moves nothing.
        if (!verb.is_offered() || verb.effect != Effect::changes || verb.name == "confirm" ||
            verb.name == "log-level")
            continue;
        CAPTURE(verb.name);
        CHECK(grammar.arguments(verb).get_option_no_throw("--reason") != nullptr);
    }
}

TEST_CASE("the overview fits a screen's width and lists what is offered") {
    const std::string text = overview();
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 80);
    }
    for (const Verb& verb : verbs())
        CHECK((text.find("\n  " + std::string(verb.name) + " ") != std::string::npos) ==
              verb.is_offered());
}

TEST_CASE("completion knows each verb, its options and what stands behind it") {
    const Completion completion = completion_of(Grammar());
    const auto move =
        std::ranges::find(completion.rows, std::string("move"), &Completion::Row::verb);
    REQUIRE(move != completion.rows.end());
    CHECK(move->object == "SET");
    const auto to = std::ranges::find_if(move->options, [](const Completion::Option& option) {
        return option.names == std::vector<std::string>{"--to"};
    });
    REQUIRE(to != move->options.end());
    CHECK(to->kind == "UPLINK");
    for (const std::string& script :
         {bash_script(completion), zsh_script(completion), fish_script(completion)})
        for (const Completion::Row& row : completion.rows) {
            CAPTURE(row.verb);
            CHECK(script.find(row.verb) != std::string::npos);
        }
}

}  // namespace detour::command
