// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/why.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "controlplane/observe/headline.h"
#include "controlplane/observe/member.h"

namespace detour::observe {
namespace {

using nlohmann::json;

constexpr std::array act_kinds{
    kind::verdict,   kind::move,         kind::held,       kind::said,
    kind::operation, kind::announcement, kind::forwarding, kind::acknowledgement,
    kind::walk};
// Verdicts that end or interrupt no calm.
constexpr std::array<std::string_view, 7> calm{
    "AWAY", "CONTROL-BAD", "SENTINEL-BAD", "UNSEEN", "NEVER-PROVEN", "UNCLEAR", "HEALTHY"};
// Of one act; what one verdict rests on is far less.
constexpr std::size_t cause_limit = 400;

std::string quantity(double value, const std::string& unit) {
    if (unit == "seconds" && value < 0)
        return "never";
    if (unit == "seconds")
        return std::abs(value) < 1 && value != 0 ? fmt::format("{} ms", digits(value * 1000))
                                                 : fmt::format("{} s", digits(value));
    if (unit == "ratio")
        return fmt::format("{} %", digits(value * 100));
    if (unit == "packets_per_second")
        return fmt::format("{} packets/s", digits(value));
    if (unit == "truth")
        return value != 0 ? "yes" : "no";
    return digits(value);
}

std::string words(const std::string& comparison) {
    if (comparison == "at_least")
        return "at least ";
    if (comparison == "at_most")
        return "at most ";
    if (comparison == "below" || comparison == "above")
        return comparison + " ";
    return {};
}

Figure figure_of(const json& recorded) {
    const std::string unit = text_at(recorded, "unit");
    const std::string comparison = text_at(recorded, "comparison");
    Figure figure;
    figure.name = text_at(recorded, "name");
    figure.value = quantity(number_at(recorded, "value"), unit);
    if (const double out_of = number_at(recorded, "out_of"); out_of != 0)
        figure.value += fmt::format(" of {}", digits(out_of));
    if (!comparison.empty() && comparison != "none")
        figure.threshold = words(comparison) + quantity(number_at(recorded, "threshold"), unit);
    figure.section = text_at(recorded, "section");
    figure.holds = truth_at(recorded, "holds", true);
    return figure;
}

// What observations have in common, and what tells them apart.
std::pair<std::string, std::string> likeness(const Record& record) {
    if (record.kind != kind::probe)
        return {headline(record), {}};
    const json& payload = record.payload;
    return {fmt::format("probe {} {} by {} {}", text_at(payload, "class"), text_at(payload, "kind"),
                        record.subject.uplink, text_at(payload, "result")),
            text_at(payload, "target")};
}

class Gathering {
 public:
    explicit Gathering(const Evidence& evidence) {
        for (const Record& record : evidence.causes)
            by_number_[record.number] = &record;
        for (const Record& record : evidence.acts) {
            by_number_[record.number] = &record;
            acts_.insert(record.number);
        }
    }

    // What the act rests on, down to the next act: that one tells its own reasons.
    std::vector<Observation> observations(const Record& act) const {
        std::set<RecordNumber> seen;
        std::vector<RecordNumber> waiting = act.causes;
        while (!waiting.empty()) {
            const RecordNumber number = waiting.back();
            waiting.pop_back();
            if (!seen.insert(number).second)
                continue;
            const auto found = by_number_.find(number);
            if (found != by_number_.end() && !acts_.contains(number))
                waiting.insert(waiting.end(), found->second->causes.begin(),
                               found->second->causes.end());
        }
        return collected(seen);
    }

 private:
    std::vector<Observation> collected(const std::set<RecordNumber>& numbers) const {
        struct Alike {
            std::map<std::string, int> targets;
            std::vector<RecordNumber> numbers;
        };
        std::vector<std::pair<std::string, Alike>> groups;
        for (const RecordNumber number : numbers) {
            const auto found = by_number_.find(number);
            auto [common, own] =
                found == by_number_.end()
                    ? std::pair<std::string, std::string>{"no longer in the journal", ""}
                    : likeness(*found->second);
            auto group = std::ranges::find(groups, common, &std::pair<std::string, Alike>::first);
            if (group == groups.end())
                group = groups.insert(groups.end(), {common, {}});
            group->second.numbers.push_back(number);
            if (!own.empty())
                ++group->second.targets[own];
        }
        std::vector<Observation> result;
        for (auto& [common, alike] : groups) {
            std::vector<std::string> targets;
            for (const auto& [target, count] : alike.targets)
                targets.push_back(count == 1 ? target : fmt::format("{} ({}x)", target, count));
            result.push_back(
                {targets.empty() ? common : fmt::format("{}: {}", common, fmt::join(targets, ", ")),
                 std::move(alike.numbers)});
        }
        return result;
    }

    std::map<RecordNumber, const Record*> by_number_;
    std::set<RecordNumber> acts_;
};

std::string summary_of(const Question& question, const Evidence& evidence) {
    const Record* verdict = nullptr;
    const Record* move = nullptr;
    const Record* held = nullptr;
    for (const Record& record : evidence.acts) {
        if (record.kind == kind::verdict)
            verdict = &record;
        else if (record.kind == kind::move)
            move = &record;
        else if (record.kind == kind::held)
            held = &record;
    }
    if (verdict == nullptr && move == nullptr && held == nullptr)
        return fmt::format(
            "Nothing has been decided about {}: the journal holds no verdict, move "
            "or refusal.",
            question.set);
    std::string text;
    if (verdict != nullptr)
        text += fmt::format("Last verdict: {}. ", headline(*verdict));
    if (move != nullptr)
        text += fmt::format("Last step: {}. ", headline(*move));
    if (held != nullptr && (move == nullptr || held->number > move->number)) {
        const std::string missing = text_at(object_at(held->payload, "explanation"), "missing");
        text += fmt::format("Now {}{}. ", headline(*held),
                            missing.empty() ? "" : ", because this is missing: " + missing);
    }
    text.pop_back();
    return text;
}

}  // namespace

bool is_echo(const Record& record) {
    return record.kind == kind::operation && !record.payload.contains("by");
}

bool is_calm_verdict(std::string_view verdict) {
    return std::ranges::find(calm, verdict) != calm.end();
}

std::vector<Figure> figures_of(const json& explanation) {
    std::vector<Figure> result;
    const auto figures = explanation.find("figures");
    if (figures != explanation.end() && figures->is_array())
        for (const json& figure : *figures)
            result.push_back(figure_of(figure));
    return result;
}

std::expected<Evidence, JournalError> gather(const Reader& reader, const Question& question,
                                             std::size_t count) {
    RecordFilter filter;
    filter.set = question.set;
    filter.family = question.family;
    filter.kinds.assign(act_kinds.begin(), act_kinds.end());
    auto acts = reader.tail(filter, count);
    if (!acts)
        return std::unexpected(acts.error());

    // The incident begins where the calm ended last.
    const auto began = std::find_if(acts->rbegin(), acts->rend(), [](const Record& record) {
        return record.kind == kind::verdict && is_calm_verdict(text_at(record.payload, "from")) &&
               !is_calm_verdict(text_at(record.payload, "to"));
    });
    constexpr std::ptrdiff_t few = 10;
    const auto keep = began == acts->rend() ? std::min<std::ptrdiff_t>(few, std::ssize(*acts))
                                            : std::distance(acts->rbegin(), began) + 1;
    acts->erase(acts->begin(), acts->end() - keep);

    return with_causes(reader, std::move(*acts), cause_limit);
}

std::expected<Evidence, JournalError> with_causes(const Reader& reader, std::vector<Record> acts,
                                                  std::size_t depth) {
    Evidence evidence;
    evidence.acts = std::move(acts);
    std::map<RecordNumber, Record> causes;
    for (const Record& act : evidence.acts) {
        auto chain = reader.chain(act.number, depth);
        if (!chain)
            return std::unexpected(chain.error());
        for (Record& record : *chain)
            causes.try_emplace(record.number, std::move(record));
    }
    for (auto& [number, record] : causes)
        evidence.causes.push_back(std::move(record));
    return evidence;
}

Answer answer(const Question& question, const Evidence& evidence) {
    const Gathering gathering(evidence);
    Answer answer;
    answer.title = question.set;
    if (question.family)
        answer.title += fmt::format(" {}", to_string(*question.family));
    if (!question.prefix.empty())
        answer.title += fmt::format(" ({})", question.prefix);
    answer.summary = summary_of(question, evidence);
    for (const Record& record : evidence.acts) {
        const json& explanation = object_at(record.payload, "explanation");
        Event event;
        event.number = record.number;
        event.time = to_text(record.wall);
        event.headline = headline(record);
        event.rule = text_at(explanation, "rule");
        event.figures = figures_of(explanation);
        event.missing = text_at(explanation, "missing");
        event.note = text_at(explanation, "note");
        event.command = text_at(record.payload, "command");
        event.observations = gathering.observations(record);
        answer.events.push_back(std::move(event));
    }
    return answer;
}

std::string to_text(const Answer& answer) {
    std::string text = fmt::format("{}\n{}\n", answer.title, answer.summary);
    for (const Event& event : answer.events) {
        text += fmt::format("\n{}  #{}  {}\n", event.time, event.number, event.headline);
        for (const Figure& figure : event.figures)
            text += fmt::format("    {} {:<16} {:<14} {:<24} {}\n", figure.holds ? "+" : "-",
                                figure.name, figure.value, figure.threshold,
                                figure.section.empty() ? "" : "section " + figure.section);
        if (!event.missing.empty())
            text += fmt::format("    missing: {}\n", event.missing);
        if (!event.command.empty())
            text += fmt::format("    to do it: {}\n", event.command);
        if (!event.note.empty())
            text += fmt::format("    {}\n", event.note);
        for (const Observation& seen : event.observations) {
            const auto count = seen.numbers.size();
            const std::string numbers =
                count == 1 ? fmt::format("#{}", seen.numbers.front())
                           : fmt::format("#{}..#{}", seen.numbers.front(), seen.numbers.back());
            text += fmt::format("    because {}{} [{}]\n",
                                count == 1 ? "" : fmt::format("{}x ", count), seen.text, numbers);
        }
    }
    // Columns that hold nothing leave blanks at the end of a line.
    std::string clean;
    for (const char character : text) {
        if (character == '\n')
            clean.erase(clean.find_last_not_of(' ') + 1);
        clean += character;
    }
    return clean;
}

nlohmann::json to_json(const Answer& answer) {
    json result{{"title", answer.title}, {"summary", answer.summary}, {"events", json::array()}};
    for (const Event& event : answer.events) {
        json one{
            {"number", event.number},   {"time", event.time},       {"text", event.headline},
            {"rule", event.rule},       {"missing", event.missing}, {"note", event.note},
            {"command", event.command}, {"figures", json::array()}, {"because", json::array()}};
        for (const Figure& figure : event.figures)
            one["figures"].push_back({{"name", figure.name},
                                      {"value", figure.value},
                                      {"threshold", figure.threshold},
                                      {"section", figure.section},
                                      {"holds", figure.holds}});
        for (const Observation& seen : event.observations)
            one["because"].push_back({{"text", seen.text}, {"records", seen.numbers}});
        result["events"].push_back(std::move(one));
    }
    return result;
}

}  // namespace detour::observe
