// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// `ip rule` as one interface's packets meet it, unrolled: a list of steps by destination, then
// rules by source, then steps by destination again. That is the form a worker can look up
// (fib/forwarding_state.h) and the form of design.md 2.1, of plain main, and of what FRR or BIRD
// leave in place. A rule outside it becomes a step that punts whatever reaches it: the kernel
// knows.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/mirror/objects.h"

namespace detour::mirror {

// What a packet that reaches a step may be told without a route.
enum class Verdict : std::uint8_t { blackhole, unreachable, prohibit, unsupported };

struct Step {
    std::optional<Verdict> verdict;  // else: look up the table
    TableId table;
    std::int64_t suppress_length = -1;  // results this short or shorter are no answer
    std::int64_t suppress_group = -1;   // results that leave by a device of this group neither
    std::optional<Prefix> destination;  // the step exists for these destinations only

    friend auto operator<=>(const Step&, const Step&) = default;
};

struct SourceStep {
    Prefix source;
    Step step;

    friend auto operator<=>(const SourceStep&, const SourceStep&) = default;
};

struct Plan {
    std::vector<Step> before;         // by destination
    std::vector<SourceStep> sources;  // then by source
    std::vector<Step> after;          // then by destination
    std::size_t unsupported = 0;      // rules that became a punt because of their form

    friend bool operator==(const Plan&, const Plan&) = default;
};

// `rules` of one family, in the kernel's order, for packets that come in by `input` and are
// forwarded: rules with an output interface never match those, nor do rules for another input.
[[nodiscard]] Plan plan_rules(std::span<const Rule> rules, std::string_view input);

}  // namespace detour::mirror
