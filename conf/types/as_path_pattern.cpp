// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/as_path_pattern.h"

#include <algorithm>
#include <charconv>

namespace detour {

std::expected<AsPathPattern, ParseError> AsPathPattern::parse(std::string_view text) {
    using Kind = Step::Kind;
    AsPathPattern pattern;
    for (std::size_t at = text.find_first_not_of(' '); at < text.size();
         at = text.find_first_not_of(' ', at)) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view word = text.substr(at, end - at);
        Step step;
        if (word == "*" || word == "?") {
            step.kind = word == "*" ? Kind::any_number : Kind::any;
        } else {
            const auto [stop, error] =
                std::from_chars(word.data(), word.data() + word.size(), step.asn.value);
            if (error != std::errc() || stop != word.data() + word.size())
                return std::unexpected(ParseError{
                    "an AS number, ? (any one) or * (any number of them) is wanted", at});
        }
        pattern.steps.push_back(step);
        at = end;
    }
    if (pattern.steps.empty())
        return std::unexpected(ParseError{"no AS: write numbers, ? and *, as in \"* 64501\"", 0});
    return pattern;
}

std::string AsPathPattern::to_string() const {
    std::string text;
    for (const Step& step : steps) {
        text += text.empty() ? "" : " ";
        text += step.kind == Step::Kind::number ? std::to_string(step.asn.value)
                : step.kind == Step::Kind::any  ? "?"
                                                : "*";
    }
    return text;
}

}  // namespace detour
