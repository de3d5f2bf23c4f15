// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// `detour why PREFIX`: the story of one prefix set in one family, told from journal rows and from
// nothing else: no configuration, no threshold that is compiled in. What a figure was compared with
// is what the row says it was compared with at that moment.
//
// Acts and non-acts alike: verdicts, moves and their steps, announcements and withdrawals with
// their acknowledgements, and what was held back, with the condition that was missing. Below each
// act stand the observations that it names as its causes, alike ones counted together.
#pragma once

#include <cstddef>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/observe/reader.h"
#include "controlplane/observe/record.h"

namespace detour::observe {

struct Question {
    std::string set;
    std::optional<Family> family;
    std::string prefix;  // as it was asked; for the title
};

// The rows an answer is built from, oldest first.
struct Evidence {
    std::vector<Record> acts;    // about the set: verdict, move, held, ...
    std::vector<Record> causes;  // of the acts, and of those
};

// The last incident of the set: from the verdict that ended the calm to now; without one, the last
// few acts. `count` bounds the acts.
[[nodiscard]] std::expected<Evidence, JournalError> gather(const Reader& reader,
                                                           const Question& question,
                                                           std::size_t count = 60);

// The acts with what caused each, down to `depth` rows an act.
[[nodiscard]] std::expected<Evidence, JournalError> with_causes(const Reader& reader,
                                                                std::vector<Record> acts,
                                                                std::size_t depth);

// One observation, or several alike.
struct Observation {
    std::string text;  // "probe beacon icmp by provider lost: 192.0.2.129, 192.0.2.137"
    std::vector<RecordNumber> numbers;
};

struct Figure {
    std::string name;
    std::string value;      // "6.1 s"
    std::string threshold;  // "at least 6 s"; empty: only shown
    std::string section;    // of the specification
    bool holds = true;
};

// The figures of a recorded explanation, in words.
[[nodiscard]] std::vector<Figure> figures_of(const nlohmann::json& explanation);

// What the decision heard of a command that has a row of its own, with who and why.
[[nodiscard]] bool is_echo(const Record& record);

// Verdicts that end or interrupt no calm.
[[nodiscard]] bool is_calm_verdict(std::string_view verdict);

struct Event {
    RecordNumber number = 0;
    std::string time;
    std::string headline;  // "NULLROUTED on provider (was HEALTHY), place inside"
    std::string rule;
    std::vector<Figure> figures;
    std::string missing;
    std::string note;
    std::string command;  // what an operator would type; empty: nothing waits for one
    std::vector<Observation> observations;
};

struct Answer {
    std::string title;
    std::string summary;  // one sentence: how it stands
    std::vector<Event> events;
};

[[nodiscard]] Answer answer(const Question& question, const Evidence& evidence);

[[nodiscard]] std::string to_text(const Answer& answer);
[[nodiscard]] nlohmann::json to_json(const Answer& answer);

}  // namespace detour::observe
