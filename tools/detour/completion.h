// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Completion scripts, made from the table of verbs and what each verb declares. Names (sets,
// uplinks, ports) are asked for when they are wanted: the script calls `detour completion names
// KIND`, which reads the configuration that the half-typed line names.
#pragma once

#include <string>
#include <vector>

#include "tools/detour/grammar.h"

namespace detour::command {

struct Completion {
    struct Option {
        std::vector<std::string> names;  // "-r", "--reason"
        std::string help;
        std::string kind;  // of its value, as in a synopsis: "UPLINK"; empty: a flag
    };
    struct Row {
        std::string verb;
        std::string summary;
        std::string object;  // kind of the first word behind the verb; empty: none
        std::vector<Option> options;
    };
    std::vector<Option> shared;
    std::vector<Row> rows;
};

[[nodiscard]] Completion completion_of(const Grammar& grammar);

[[nodiscard]] std::string bash_script(const Completion& completion);
[[nodiscard]] std::string zsh_script(const Completion& completion);
[[nodiscard]] std::string fish_script(const Completion& completion);

}  // namespace detour::command
