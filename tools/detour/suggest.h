// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From what was typed to what was meant. A verb that reads may be abbreviated as long as only one
// verb begins so; a verb that changes something is never guessed: a tired typo moves no traffic.
// Names of sets and uplinks are not abbreviated at all.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/detour/verb.h"

namespace detour::command {

// Letters inserted, dropped, replaced or swapped with their neighbour.
[[nodiscard]] std::size_t distance(std::string_view left, std::string_view right);

// The names near to the word, the nearest first: two letters off at most, and less than half of the
// word.
[[nodiscard]] std::vector<std::string> near(std::string_view word,
                                            std::span<const std::string> names);

// "; did you mean status?", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string> names);

// The verb that is meant, or a sentence that says what to type instead.
[[nodiscard]] std::expected<const Verb*, std::string> resolve(std::string_view word,
                                                              std::span<const Verb> table);

}  // namespace detour::command
