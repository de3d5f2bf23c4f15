// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour VERB [OBJECT] [options]: the table of verbs made into a command line. The verb is found
// first (abbreviated or misspelt as it may be), then CLI11 parses what belongs to it.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/types/duration.h"
#include "tools/detour/verb.h"

namespace detour::command {

class Grammar {
 public:
    Grammar();
    Grammar(const Grammar&) = delete;
    Grammar& operator=(const Grammar&) = delete;

    // Parses and runs; the exit code.
    [[nodiscard]] int run(std::vector<std::string> words);

    // The whole command line, with every verb that is offered as a subcommand: what help and
    // completion are made from.
    [[nodiscard]] const CLI::App& app() const { return app_; }
    // Of a verb that is offered.
    [[nodiscard]] const CLI::App& arguments(const Verb& verb) const;

    // One verb's page.
    [[nodiscard]] std::string page(const Verb& verb) const;

 private:
    // Where the verb stands among the words; words.size() when there is none.
    [[nodiscard]] std::size_t place_of_verb(const std::vector<std::string>& words) const;
    [[nodiscard]] int complain(const Verb* verb, const CLI::ParseError& error) const;
    [[nodiscard]] int act(const Verb& verb) const;

    CLI::App app_;
    Context context_;
    std::string watch_;  // as typed; empty: not wanted
    std::map<std::string, Action, std::less<>> actions_;
};

// The list of verbs, by group: `detour help`.
[[nodiscard]] std::string overview();

}  // namespace detour::command
