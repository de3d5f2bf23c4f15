// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "tools/detour/verb.h"

namespace {

using namespace detour;

int run(int argc, char** argv) {
    CLI::App app("Route around null routes: the operator's command.", "detour");
    command::Context context;
    program::add_options(app, context.options);
    app.add_flag_callback(
        "-j,--json", [&context] { context.output = command::Output::json; },
        "Print JSON, one document");
    app.require_subcommand(0, 1);
    app.fallthrough();

    command::Action action;
    for (const command::Verb& verb : command::verbs()) {
        CLI::App& arguments =
            *app.add_subcommand(std::string(verb.name), std::string(verb.summary));
        arguments.parse_complete_callback(
            [&action, chosen = verb.declare(arguments)] { action = chosen; });
    }
    if (const auto code = program::parse(app, argc, argv))
        return program::to_int(*code);
    if (!action) {
        std::cerr << "detour: say what to do; detour --help lists the verbs\n";
        return program::to_int(program::ExitCode::usage);
    }
    return action(context);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "detour: " << error.what() << "\n";
        return program::to_int(program::ExitCode::failure);
    }
}
