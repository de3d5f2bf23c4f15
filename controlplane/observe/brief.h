// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// `detour why PREFIX` for somebody who was asleep a minute ago: where the block is, the one reason
// for it, what was done about it, what was not done and the smallest change that would have made
// it, and what comes next. Made of the journal's rows (why.h) and of the status document
// (status.h); the whole chronicle is `detour why --all`.
//
// "Smallest change": of the rule that came nearest, the conditions that did not hold, each with
// the value it had and the one it wanted. Nothing else would have had to be different.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controlplane/observe/why.h"

namespace detour::observe {

struct Line {
    std::string time;  // as in JSON; empty: it is no event
    std::string text;
};

struct Section {
    std::string title;  // "Why", "Done", "Not done"
    std::vector<Line> lines;
};

// `status`: the document of status.h; null when there is none.
[[nodiscard]] std::vector<Section> brief(const Question& question, const Evidence& evidence,
                                         const nlohmann::json& status);

// [{"title", "lines": [{"time", "text"}]}]
[[nodiscard]] nlohmann::json to_json(const std::vector<Section>& sections);

// "span 2.10 s must be at least 6 s" of each condition that did not hold.
[[nodiscard]] std::vector<std::string> smallest_change(const nlohmann::json& explanation);

// A figure's name in words: "targets" -> "targets that do not hear the block".
[[nodiscard]] std::string in_words(const std::string& figure);

}  // namespace detour::observe
