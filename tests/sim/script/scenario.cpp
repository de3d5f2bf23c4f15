// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/script/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "conf/model/scalars.h"

namespace sim {
namespace {

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

std::expected<Expectation, std::string> parse_expectation(const std::vector<std::string>& words) {
    if (words.size() != 8 || words[4] != "from" || words[6] != "to")
        return std::unexpected(
            "an expectation is: expect WHAT SET/FAMILY UPLINK from TIME to TIME");
    const auto from = detour::parse_duration(words[5]);
    const auto to = detour::parse_duration(words[7]);
    if (!from || !to || *from > *to)
        return std::unexpected("from TIME to TIME: " + words[5] + " " + words[7]);
    return Expectation{words[1], words[2], words[3], *from, *to};
}

std::expected<std::uint32_t, std::string> number_of(const std::string& word) {
    std::uint32_t value = 0;
    for (const char c : word) {
        if (c < '0' || c > '9' || value > 100'000'000)
            return std::unexpected("not a number: " + word);
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value;
}

template <class Value>
std::expected<void, std::string> choose(Value& value, const std::string& word,
                                        std::vector<std::pair<std::string, Value>> choices) {
    for (const auto& [name, choice] : choices)
        if (name == word) {
            value = choice;
            return {};
        }
    return std::unexpected("not a choice: " + word);
}

// One line that is neither an event nor an expectation.
std::expected<void, std::string> read_setting(Scenario& s, const std::string& key,
                                              const std::string& word) {
    if (key == "profile") {
        const auto profile = detour::model::parse_profile(word);
        if (!profile)
            return std::unexpected(profile.error().message);
        s.shape.profile = *profile;
        return {};
    }
    if (key == "mode")
        return choose(s.shape.mode, word,
                      {{"auto", Shape::Mode::automatic}, {"advise", Shape::Mode::advise}});
    if (key == "fail-back")
        return choose(s.shape.fail_back, word,
                      {{"auto", Shape::FailBack::automatic}, {"manual", Shape::FailBack::manual}});
    if (key == "families")
        return choose(s.shape.families, word,
                      {{"ipv4", Shape::Families::ipv4}, {"dual", Shape::Families::dual}});
    if (key == "partner")
        return choose(s.shape.partner, word,
                      {{"independent", Shape::Partner::independent},
                       {"behind-provider", Shape::Partner::behind_provider}});
    if (key == "canary")
        return choose(
            s.shape.canary, word,
            {{"no-export", Shape::Canary::no_export}, {"communities", Shape::Canary::communities}});
    if (key == "weather")
        return choose(s.weather, word,
                      {{"plain", Scenario::Weather::plain}, {"random", Scenario::Weather::random}});
    if (key == "length") {
        const auto length = detour::parse_duration(word);
        if (!length)
            return std::unexpected("not a time: " + word);
        s.length = *length;
        return {};
    }
    const auto number = number_of(word);
    if (!number)
        return std::unexpected(number.error());
    if (key == "seed")
        s.seed = *number;
    else if (key == "uplinks")
        s.shape.uplinks = *number;
    else if (key == "sets")
        s.shape.sets = *number;
    else
        return std::unexpected("no such key: " + key);
    return {};
}

std::expected<void, std::string> read_line(Scenario& scenario, const std::string& line) {
    const auto words = words_of(line);
    if (words.front() == "at") {
        auto event = parse_event(line);
        if (!event)
            return std::unexpected(event.error());
        scenario.events.push_back(std::move(*event));
        return {};
    }
    if (words.front() == "expect") {
        auto expectation = parse_expectation(words);
        if (!expectation)
            return std::unexpected(expectation.error());
        scenario.expected.push_back(std::move(*expectation));
        return {};
    }
    if (words.front() == "detect") {
        scenario.shape.detect.push_back(line.substr(line.find("detect") + 7));
        return {};
    }
    if (words.size() != 2)
        return std::unexpected("KEY VALUE is wanted");
    return read_setting(scenario, words[0], words[1]);
}

constexpr std::size_t columns = 60;

}  // namespace

std::expected<Scenario, std::string> parse_scenario(std::string_view text) {
    Scenario scenario;
    std::istringstream stream{std::string(text)};
    int number = 0;
    for (std::string line; std::getline(stream, line);) {
        ++number;
        if (line.starts_with("# ") && scenario.title.empty() && line.find("SPDX") == line.npos)
            scenario.title = line.substr(2);
        line.resize(std::min(line.size(), line.find('#')));
        if (words_of(line).empty())
            continue;
        if (auto result = read_line(scenario, line); !result)
            return std::unexpected(fmt::format("{}: {}", number, result.error()));
    }
    std::ranges::stable_sort(scenario.events, {}, &Event::at);
    for (const Event& event : scenario.events)
        if (event.at > scenario.length)
            return std::unexpected("an event after the end: " + to_string(event));
    return scenario;
}

std::string draw(const Scenario& scenario) {
    const auto column = [&](Duration at) {
        const auto share =
            static_cast<double>(at.count()) / static_cast<double>(scenario.length.count());
        return std::min(columns - 1, static_cast<std::size_t>(share * columns));
    };
    std::string text =
        fmt::format("# {:14} 0{:>{}}\n", "", detour::to_string(scenario.length), columns - 1);
    for (const Event& event : scenario.events) {
        const EventForm& form = form_of(event.kind);
        std::string row(columns, '.');
        const std::size_t begin = column(event.at);
        if (!form.is_lasting)
            row[begin] = '|';
        const Duration end = event.length ? event.end() : scenario.length;
        for (std::size_t i = begin; form.is_lasting && i <= column(end); ++i)
            row[i] = '=';
        text += fmt::format("# {:14} {}\n", form.name, row);
    }
    for (const Expectation& expectation : scenario.expected) {
        std::string row(columns, ' ');
        row[column(expectation.to)] = '^';
        text += fmt::format("# {:14} {}\n", expectation.what, row);
    }
    for (std::size_t space = 0; (space = text.find(" \n")) != text.npos;)
        text.erase(space, 1);
    return text;
}

std::string to_string(const Expectation& e) {
    return fmt::format("expect {} {} {} from {} to {}", e.what, e.block, e.uplink,
                       detour::to_string(e.from), detour::to_string(e.to));
}

std::string to_string(const Scenario& s) {
    const Shape plain;
    std::string text =
        "# SPDX-License-Identifier: Apache-2.0\n"
        "# SPDX-FileCopyrightText: The detour authors\n";
    text += "# " + s.title + "\n#\n" + draw(s) + "#\n";
    text += fmt::format("profile {}\nlength {}\n", detour::model::to_string(s.shape.profile),
                        detour::to_string(s.length));
    const auto say = [&](bool is_said, const char* line) {
        if (is_said)
            text += std::string(line) + "\n";
    };
    if (s.seed != 1)
        text += fmt::format("seed {}\n", s.seed);
    say(s.weather == Scenario::Weather::random, "weather random");
    if (s.shape.uplinks != plain.uplinks)
        text += fmt::format("uplinks {}\n", s.shape.uplinks);
    if (s.shape.sets != plain.sets)
        text += fmt::format("sets {}\n", s.shape.sets);
    say(s.shape.families == Shape::Families::dual, "families dual");
    say(s.shape.mode == Shape::Mode::advise, "mode advise");
    say(s.shape.fail_back == Shape::FailBack::automatic, "fail-back auto");
    say(s.shape.partner == Shape::Partner::behind_provider, "partner behind-provider");
    say(s.shape.canary == Shape::Canary::communities, "canary communities");
    for (const std::string& line : s.shape.detect)
        text += "detect " + line + "\n";
    for (const Event& event : s.events)
        text += to_string(event) + "\n";
    for (const Expectation& expectation : s.expected)
        text += to_string(expectation) + "\n";
    return text;
}

}  // namespace sim
