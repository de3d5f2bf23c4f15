// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/brief.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/observe/member.h"

namespace detour::observe {
namespace {

using nlohmann::json;

constexpr std::size_t most_observations = 3;
constexpr std::size_t most_steps = 12;
// What a person wants to hear of a condition that held; of one that did not, everything.
constexpr std::array<std::string_view, 6> telling{
    "score", "targets", "span", "inbound-share", "control-loss", "blackhole-told"};

json list_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_array() ? *found : json::array();
}

bool is_about(const json& row, const Question& question) {
    return text_at(row, "set") == question.set &&
           (!question.family || text_at(row, "family") == to_string(*question.family));
}

std::string age(double seconds) {
    const auto whole = static_cast<long>(seconds);
    if (whole < 60)
        return fmt::format("{} s", whole);
    if (whole < 3600)
        return fmt::format("{} min", whole / 60);
    if (whole < 86400)
        return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
    return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string figure_line(const Figure& figure) {
    return fmt::format("{}{} {}{}", figure.holds ? "" : "NOT ", in_words(figure.name), figure.value,
                       figure.threshold.empty() ? "" : fmt::format(" ({})", figure.threshold));
}

// The rule's words, then what was missing.
std::string reason_of(const json& explanation) {
    std::string text = text_at(explanation, "rule");
    if (const std::string missing = text_at(explanation, "missing"); !missing.empty())
        text += (text.empty() ? "" : ": ") + missing;
    if (const std::string note = text_at(explanation, "note"); !note.empty())
        text += fmt::format(" ({})", note);
    return text;
}

struct Chosen {
    const Event* event = nullptr;
    const Record* record = nullptr;
};

// What is told of the last incident.
struct Gist {
    Chosen verdict;             // the last alarm
    Chosen held;                // the last refusal, if no step came after it
    std::vector<Chosen> steps;  // moves and announcements since the alarm
};

// What a neighbour, an operator or a reader of the outcome sees; the steps between are in the
// chronicle.
bool is_step(const Record& record) {
    return record.kind == kind::announcement ||
           (record.kind == kind::operation && !is_echo(record)) ||
           (record.kind == kind::move && text_at(record.payload, "step") == "idle");
}

Gist gist_of(const Evidence& evidence, const Answer& answer) {
    Gist gist;
    for (std::size_t place = 0; place < evidence.acts.size(); ++place) {
        const Record& record = evidence.acts[place];
        const Chosen chosen{&answer.events[place], &record};
        if (record.kind == kind::verdict && !is_calm_verdict(text_at(record.payload, "to"))) {
            gist.verdict = chosen;
        } else if (record.kind == kind::held) {
            gist.held = chosen;
        } else if (is_step(record)) {
            gist.steps.push_back(chosen);
            gist.held = {};
        }
    }
    return gist;
}

Section standing(const Question& question, const json& status) {
    Section section{"Now", {}};
    for (const json& row : list_at(status, "sets")) {
        if (!is_about(row, question))
            continue;
        const std::string uplink = text_at(row, "uplink");
        const std::string home = text_at(row, "home");
        std::vector<std::string> announced;
        for (const json& one : list_at(row, "announced"))
            announced.push_back(text_at(one, "uplink"));
        section.lines.push_back(
            {"", fmt::format("{}/{} leaves by {}{} for {}; announced on {}", question.set,
                             text_at(row, "family"), uplink,
                             uplink == home ? "" : fmt::format(" (home is {})", home),
                             age(row.value("since_s", 0.0)),
                             announced.empty() ? "nothing"
                                               : fmt::format("{}", fmt::join(announced, ", ")))});
    }
    return section;
}

Section reason(const Gist& gist, std::string title) {
    Section section{std::move(title), {}};
    const Event& event = *gist.verdict.event;
    section.lines.push_back({event.time, fmt::format("{} [#{}]", event.headline, event.number)});
    std::size_t others = 0;
    for (const Figure& figure : event.figures) {
        if (figure.threshold.empty())
            continue;
        if (!figure.holds || std::ranges::find(telling, figure.name) != telling.end())
            section.lines.push_back({"", figure_line(figure)});
        else
            ++others;
    }
    if (others > 0)
        section.lines.push_back(
            {"", fmt::format("and {} more conditions that held: detour why --all", others)});
    if (!event.note.empty())
        section.lines.push_back({"", event.note});
    std::size_t told = 0;
    for (const Observation& seen : event.observations)
        if (told++ < most_observations)
            section.lines.push_back(
                {"", fmt::format("seen {}x: {}", seen.numbers.size(), seen.text)});
    return section;
}

Section done(const Gist& gist) {
    Section section{"Done", {}};
    const std::size_t first = gist.steps.size() > most_steps ? gist.steps.size() - most_steps : 0;
    if (first > 0)
        section.lines.push_back({"", fmt::format("{} earlier steps: detour why --all", first)});
    for (std::size_t place = first; place < gist.steps.size(); ++place) {
        Event event = *gist.steps[place].event;
        if (gist.steps[place].record->kind == kind::move)
            event.headline.replace(event.headline.rfind(": ") + 2, std::string::npos, event.rule);
        section.lines.push_back(
            {event.time, fmt::format("{}{} [#{}]", event.headline,
                                     event.note.empty() ? "" : ", " + event.note, event.number)});
    }
    return section;
}

void add_change(Section& section, const json& explanation, std::string_view otherwise) {
    const auto change = smallest_change(explanation);
    if (!change.empty())
        section.lines.push_back(
            {"", fmt::format("smallest change: {}", fmt::join(change, "; and "))});
    else if (!otherwise.empty())
        section.lines.push_back({"", fmt::format("smallest change: {}", otherwise)});
}

Section not_done(const Gist& gist) {
    Section section{"Not done", {}};
    const Event& event = *gist.held.event;
    const json explanation = object_at(gist.held.record->payload, "explanation");
    section.lines.push_back({event.time, fmt::format("{} [#{}]", event.headline, event.number)});
    if (!event.missing.empty())
        section.lines.push_back({"", fmt::format("missing: {}", event.missing)});
    if (event.command.empty())
        add_change(section, explanation, event.missing);
    else
        section.lines.push_back({"", fmt::format("to do it: {}", event.command)});
    return section;
}

// Nothing alarmed: what the judge of the carrying uplink says, and how far it is from acting.
Section quiet(const Question& question, const json& status) {
    Section section{"Why nothing is done", {}};
    for (const json& uplink : list_at(status, "uplinks")) {
        for (const json& watch : list_at(uplink, "blocks")) {
            if (!is_about(watch, question) || text_at(watch, "verdict") == "AWAY")
                continue;
            const json explanation = object_at(watch, "why");
            section.lines.push_back(
                {"", fmt::format("{}/{} on {}: {} for {}", question.set, text_at(watch, "family"),
                                 text_at(uplink, "name"), reason_of(explanation),
                                 age(watch.value("since_s", 0.0)))});
            const auto homed = watch.value("homed_targets", 0U);
            add_change(section, explanation,
                       fmt::format("packets of the block lost on {} of {} targets ({} now), until "
                                   "the score is reached (at {:.0f} % now)",
                                   (2 * homed + 2) / 3, homed, watch.value("lost_targets", 0U),
                                   watch.value("confidence", 0.0) * 100));
        }
    }
    return section;
}

// At home, no move, and nobody alarms: what the journal tells is past.
bool is_over(const Question& question, const json& status) {
    for (const json& row : list_at(status, "sets"))
        if (is_about(row, question) &&
            (text_at(row, "uplink") != text_at(row, "home") || !object_at(row, "move").empty()))
            return false;
    for (const json& uplink : list_at(status, "uplinks"))
        for (const json& watch : list_at(uplink, "blocks"))
            if (is_about(watch, question) && !is_calm_verdict(text_at(watch, "verdict")))
                return false;
    return true;
}

Section next(const Question& question, const json& status) {
    Section section{"Next", {}};
    for (const json& row : list_at(status, "sets")) {
        if (!is_about(row, question))
            continue;
        const std::string reason = reason_of(object_at(row, "next"));
        std::string text = fmt::format("{}/{}: {}", question.set, text_at(row, "family"),
                                       reason.empty() ? "nothing to do" : reason);
        if (const auto in = row.find("next_in_s"); in != row.end() && in->is_number())
            text += fmt::format(", in {}", age(in->get<double>()));
        section.lines.push_back({"", std::move(text)});
    }
    return section;
}

}  // namespace

std::string in_words(const std::string& figure) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 24> words{{
        {"score", "score against chance"},
        {"targets", "targets that do not hear the block:"},
        {"asns", "networks (AS) they lie in:"},
        {"beacons", "beacons of the prefix that are lost:"},
        {"span", "time it has lasted"},
        {"replies", "targets that replied meanwhile:"},
        {"inbound-share", "inbound traffic, of normal"},
        {"control-loss", "loss outside the block"},
        {"beacon-loss", "loss of the block"},
        {"sentinel-loss", "loss inside the provider"},
        {"last-good", "last reply to the block this way, ago"},
        {"good-controls", "replies outside the block since the start"},
        {"good-beacons", "replies to the block since the start"},
        {"homed-targets", "targets that answer this way:"},
        {"tunnel-age", "last proof of the way, ago"},
        {"tunnel-full-age", "last proof at full packet size, ago"},
        {"egress-age", "last packet of the block out that way, ago"},
        {"established", "BGP session Established:"},
        {"link-up", "link up:"},
        {"utilisation", "load of the port"},
        {"inbound-ratio", "inbound traffic, times normal"},
        {"veto", "veto:"},
        {"path-mtu", "largest packet that comes through"},
        {"blackhole-told", "a neighbour tells of a BLACKHOLE for it:"},
    }};
    const auto found = std::ranges::find(words, std::string_view(figure),
                                         &std::pair<std::string_view, std::string_view>::first);
    return found == words.end() ? figure : std::string(found->second);
}

std::vector<std::string> smallest_change(const json& explanation) {
    std::vector<std::string> result;
    for (const Figure& figure : figures_of(explanation))
        if (!figure.holds && !figure.threshold.empty())
            result.push_back(fmt::format("{} {} must be {}", in_words(figure.name), figure.value,
                                         figure.threshold));
    return result;
}

std::vector<Section> brief(const Question& question, const Evidence& evidence, const json& status) {
    const Answer told = answer(question, evidence);
    const Gist gist = gist_of(evidence, told);
    const bool is_past = is_over(question, status);
    std::vector<Section> sections{standing(question, status)};
    if (is_past)
        sections.push_back(quiet(question, status));
    if (gist.verdict.event != nullptr)
        sections.push_back(reason(gist, is_past ? "Last alarm" : "Why"));
    if (!gist.steps.empty())
        sections.push_back(done(gist));
    if (gist.held.event != nullptr)
        sections.push_back(not_done(gist));
    sections.push_back(next(question, status));
    std::erase_if(sections, [](const Section& section) { return section.lines.empty(); });
    return sections;
}

json to_json(const std::vector<Section>& sections) {
    json result = json::array();
    for (const Section& section : sections) {
        json lines = json::array();
        for (const Line& line : section.lines)
            lines.push_back({{"time", line.time}, {"text", line.text}});
        result.push_back({{"title", section.title}, {"lines", std::move(lines)}});
    }
    return result;
}

}  // namespace detour::observe
