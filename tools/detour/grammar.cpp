// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "conf/program/version.h"
#include "tools/detour/suggest.h"
#include "tools/detour/watch.h"

namespace detour::command {
namespace {

// Every "--name" that may stand there.
std::vector<std::string> long_options(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames())
            names.push_back("--" + name);
    return names;
}

// A wrong command line does not mend itself: systemd must not start `detour run` with it again.
int usage_code(const Verb* verb) {
    return verb != nullptr && verb->effect == Effect::runs
               ? program::to_int(program::ExitCode::usage)
               : exit_code::error;
}

std::string checked_duration(const std::string& text) {
    const auto time = parse_duration(text);
    return time ? std::string() : time.error().message;
}

// "-w 5s", "-w5s" and "-w=5s", as people type them: an optional value of CLI11 wants "--watch=5s".
// What is no duration is the next word.
std::vector<std::string> with_watch_joined(std::vector<std::string> words) {
    const auto is_time = [](std::string_view text) {
        return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
               std::isalpha(static_cast<unsigned char>(text.back())) != 0 && parse_duration(text);
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const bool is_apart = word == "-w" || word == "--watch";
        if (is_apart && i + 1 < words.size() && is_time(words[i + 1])) {
            words[i] = "--watch=" + words[i + 1];
            words.erase(words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        } else if (word.starts_with("-w") &&
                   is_time(word.substr(word.starts_with("-w=") ? 3 : 2))) {
            words[i] = "--watch=" + std::string(word.substr(word.starts_with("-w=") ? 3 : 2));
        }
    }
    return words;
}

}  // namespace

Grammar::Grammar() : app_("Route around null routes: the operator's command.", "detour") {
    program::add_options(app_, context_.options);
    app_.add_flag_callback(
        "-j,--json", [this] { context_.output = Output::json; }, "Print JSON");
    app_.add_flag("-w{2s},--watch{2s}", watch_,
                  "Again and again, redrawn; --watch=TIME: so often (2s)")
        ->check(CLI::Validator(checked_duration, "", "a duration"));
    app_.add_flag_callback(
        "--utc", [this] { context_.clock = Clock::utc; }, "Times in UTC (the default)");
    app_.add_flag_callback(
        "--local", [this] { context_.clock = Clock::local; }, "Times by the clock on the wall");
    app_.require_subcommand(0, 1);
    app_.fallthrough();
    for (const Verb& verb : verbs()) {
        if (!verb.is_offered())
            continue;
        CLI::App& arguments =
            *app_.add_subcommand(std::string(verb.name), std::string(verb.summary));
        actions_.emplace(verb.name, verb.declare(arguments));
    }
}

const CLI::App& Grammar::arguments(const Verb& verb) const {
    return *app_.get_subcommand(std::string(verb.name));
}

std::string Grammar::page(const Verb& verb) const {
    std::string text =
        fmt::format("detour {}{}{}{}{}\n\n{}\n", verb.name, verb.object.empty() ? "" : " ",
                    verb.object, verb.options.empty() ? "" : " ", verb.options, verb.summary);
    if (!verb.is_offered())
        return text + "\nNot offered yet: this release cannot do it.\n";
    // CLI11's page without its own two first lines, which the table says better.
    std::string help = arguments(verb).help();
    const std::size_t options = help.find("\nPositionals:");
    help.erase(0, std::min(options, help.find("\nOptions:")));
    text += help;
    while (text.ends_with("\n\n"))
        text.pop_back();
    if (verb.needs != Needs::nothing)
        text += fmt::format("\nNeeds a running {}.\n", to_string(verb.needs));
    return text;
}

std::size_t Grammar::place_of_verb(const std::vector<std::string>& words) const {
    for (std::size_t place = 0; place < words.size(); ++place) {
        const std::string& word = words[place];
        if (!word.starts_with('-') || word == "-")
            return place;
        // The option's value is no verb.
        const CLI::Option* option = app_.get_option_no_throw(word);
        if (option != nullptr && option->get_items_expected_min() > 0)
            ++place;
    }
    return words.size();
}

int Grammar::run(std::vector<std::string> words) {
    words = with_watch_joined(std::move(words));
    const std::size_t place = place_of_verb(words);
    const Verb* verb = nullptr;
    if (place < words.size()) {
        const auto resolved = resolve(words[place], verbs());
        if (!resolved) {
            fmt::print(stderr, "detour: {}\ntry detour help\n", resolved.error());
            return exit_code::error;
        }
        verb = *resolved;
        words[place] = verb->name;
    }
    try {
        std::ranges::reverse(words);  // as CLI11 wants it
        app_.parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
        fmt::print("{}", verb == nullptr ? overview() : page(*verb));
        return exit_code::ok;
    } catch (const CLI::CallForVersion&) {
        fmt::print("{}\n", program::version_line("detour"));
        return exit_code::ok;
    } catch (const CLI::ParseError& error) {
        return complain(verb, error);
    }
    if (verb == nullptr) {
        fmt::print(stderr, "detour: say what to do; detour help lists the verbs\n");
        return exit_code::error;
    }
    return act(*verb);
}

int Grammar::complain(const Verb* verb, const CLI::ParseError& error) const {
    std::string hint;
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        std::vector<std::string> options = long_options(app_);
        if (verb != nullptr)
            std::ranges::copy(long_options(arguments(*verb)), std::back_inserter(options));
        for (const std::string& word : app_.remaining(true))
            if (word.starts_with("--"))
                hint += did_you_mean(word.substr(0, word.find('=')), options);
    }
    fmt::print(stderr, "detour: {}{}\ntry detour help{}{}\n", error.what(), hint,
               verb == nullptr ? "" : " ", verb == nullptr ? "" : verb->name);
    return usage_code(verb);
}

int Grammar::act(const Verb& verb) const {
    const Action& action = actions_.find(verb.name)->second;
    if (watch_.empty())
        return action(context_);
    if (verb.effect != Effect::reads) {
        fmt::print(stderr, "detour: {} does not go with -w; what only reads does\n", verb.name);
        return usage_code(&verb);
    }
    return watch(action, context_, parse_duration(watch_).value());
}

std::string overview() {
    std::string text = "detour VERB [OBJECT] [options]     the operator's command\n";
    std::size_t longest = 0;
    for (const Verb& verb : verbs())
        longest = std::max(longest, verb.name.size());
    std::optional<Group> group;
    for (const Verb& verb : verbs()) {
        if (!verb.is_offered())
            continue;
        if (group != verb.group)
            text += fmt::format("\n{}\n", to_string(verb.group));
        group = verb.group;
        text += fmt::format("  {:<{}}  {}\n", verb.name, longest, verb.summary);
    }
    text +=
        "\nWith every verb\n"
        "  -j          JSON                  -w, --watch=TIME  again and again, redrawn\n"
        "  --utc       times in UTC          --local           by the clock on the wall\n"
        "  -c, --config FILE   --run-dir DIR   --state-dir DIR\n"
        "\nA verb that only reads may be abbreviated. detour help VERB tells more of one.\n"
        "Exit status: 0 well, 1 something needs a look, 2 error, 3 the daemon is silent.\n";
    return text;
}

}  // namespace detour::command
