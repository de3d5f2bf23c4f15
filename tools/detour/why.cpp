// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour why PREFIX: why the box did what it did, or did not, in a few lines; with --all the whole
// chronicle from its journal.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/look.h"
#include "tools/detour/time_text.h"

namespace detour::command {
namespace {

using nlohmann::json;

struct Wish {
    std::string subject;
    bool is_whole = false;
};

int print_brief(const json& answer, Clock clock) {
    fmt::print("{}\n", styled(text_of(answer, "title"), Style::strong));
    for (const json& section : answer.at("brief")) {
        fmt::print("{}\n", styled(text_of(section, "title"), Style::strong));
        for (const json& line : section.at("lines")) {
            const std::string time = text_of(line, "time");
            fmt::print("{}\n",
                       folded(fmt::format("  {}{}{}", time.empty() ? "" : time_text(time, clock),
                                          time.empty() ? "" : "  ", text_of(line, "text")),
                              4));
        }
    }
    return exit_code::ok;
}

}  // namespace

Action declare_why(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments
        .add_option("PREFIX", wish->subject,
                    "A protected prefix, an address in one, or a prefix set's name")
        ->required()
        ->type_name("");
    arguments.add_flag("-a,--all", wish->is_whole, "Every step and every figure");
    return [wish](const Context& context) {
        return look(context, "/v1/why", {{"prefix", wish->subject}}, [&](const json& answer) {
            if (!wish->is_whole)
                return print_brief(answer, context.clock);
            fmt::print("{}", text_of(answer, "text"));
            return exit_code::ok;
        });
    };
}

}  // namespace detour::command
