// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the verbs that change something share: a reason, which stands in the journal beside what was
// done; a question before anything large, or --yes; and the way back, printed when it is done.
//
//     const auto change = std::make_shared<Change>();
//     declare_reason(arguments, *change);
//     ...
//     if (const auto refusal = reason_missing(*change, "move web --to partner")) ...
#pragma once

#include <string>
#include <vector>

#include "tools/detour/verb.h"

namespace detour::command {

struct Change {
    std::string option;              // -r TEXT
    std::vector<std::string> words;  // or the words at the end
    bool is_agreed = false;          // --yes

    [[nodiscard]] std::string reason() const;
};

// [REASON] at the end, or -r/--reason. Declare the other positional arguments first.
void declare_reason(CLI::App& arguments, Change& change);
// -y/--yes
void declare_agreement(CLI::App& arguments, Change& change);

// Says on stderr, or as JSON, what is wrong, and returns exit_code::error.
[[nodiscard]] int refuse(const Context& context, const std::string& text);

// There is a reason; else says so, with the command line that would have one.
[[nodiscard]] bool has_reason(const Context& context, const Change& change,
                              const std::string& example);

// --yes, or "yes" typed on the terminal. Without a terminal: refused, naming --yes.
[[nodiscard]] bool agrees(const Context& context, const Change& change,
                          const std::string& question);

// "undo:  detour failback web "..."", in text.
void print_undo(const Context& context, const std::string& command);

}  // namespace detour::command
