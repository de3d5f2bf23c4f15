// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Why: what `detour why` prints, as values. An explanation names the rule that matched (or did not)
// and the figures it was read from, each beside the threshold it was compared with; the journal
// stores it, the command formats it. Names are stable: they are an interface.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace detour::decision {

enum class Unit : std::uint8_t {
    none,   // a score, a bare number
    count,  // value of threshold: "n of m" when the comparison is `of`
    seconds,
    ratio,  // 0..1
    rate,   // packets per second
    truth,  // 0 or 1
};
enum class Comparison : std::uint8_t { at_least, at_most, below, above, is, none };

struct Figure {
    std::string_view name;  // "score", "targets", "span"; a literal
    double value = 0;
    Comparison comparison = Comparison::none;
    double threshold = 0;
    Unit unit = Unit::none;
    double out_of = 0;         // "n of m": the m; 0 = none
    std::string_view section;  // "2(1)", "3", "4", "5" of detection.md; a literal
    bool holds = true;

    friend bool operator==(const Figure&, const Figure&) = default;
};

struct Explanation {
    std::string_view rule;  // the row or step: "NULLROUTED", "armed", "canary"; a literal
    std::vector<Figure> figures;
    // The first condition that was missing: of a non-act what stands in the way, of UNCLEAR what
    // would have made it a verdict. A literal; empty when nothing is missing.
    std::string_view missing;
    // Words for what has no number: names, the two observations that contradict.
    std::string note;

    [[nodiscard]] const Figure* find(std::string_view name) const;
};

}  // namespace detour::decision
