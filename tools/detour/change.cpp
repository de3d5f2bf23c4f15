// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

namespace detour::command {

std::string Change::reason() const {
    return option.empty() ? fmt::format("{}", fmt::join(words, " ")) : option;
}

void declare_reason(CLI::App& arguments, Change& change) {
    arguments.add_option("-r,--reason", change.option, "Why; it stands in the journal")
        ->type_name("REASON");
    arguments.add_option("REASON", change.words, "The same, as the words at the end")
        ->type_name("")
        ->expected(0, 1000);
}

void declare_agreement(CLI::App& arguments, Change& change) {
    arguments.add_flag("-y,--yes", change.is_agreed, "Do not ask back");
}

int refuse(const Context& context, const std::string& text) {
    if (context.output == Output::json)
        fmt::print("{}\n",
                   nlohmann::json{{"schema_version", schema_version}, {"error", text}}.dump(2));
    else
        fmt::print(stderr, "detour: {}\n", text);
    return exit_code::error;
}

bool has_reason(const Context& context, const Change& change, const std::string& example) {
    if (!change.reason().empty())
        return true;
    static_cast<void>(refuse(
        context,
        fmt::format("a reason is wanted, it stands in the journal: detour {} \"why\"", example)));
    return false;
}

bool agrees(const Context& context, const Change& change, const std::string& question) {
    if (change.is_agreed)
        return true;
    if (::isatty(STDIN_FILENO) == 0 || context.output == Output::json) {
        static_cast<void>(refuse(
            context, fmt::format("{} Nothing was done: say --yes if it is meant.", question)));
        return false;
    }
    fmt::print(stderr, "{}\nType yes to go on: ", question);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "yes")
        return true;
    fmt::print(stderr, "detour: nothing was done\n");
    return false;
}

void print_undo(const Context& context, const std::string& command) {
    if (context.output == Output::text)
        fmt::print("undo:  detour {} \"...\"\n", command);
}

}  // namespace detour::command
