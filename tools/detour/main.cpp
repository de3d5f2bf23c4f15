// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <exception>
#include <iostream>

#include "tools/detour/grammar.h"

int main(int argc, char** argv) {
    try {
        return detour::command::Grammar().run({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::cerr << "detour: " << error.what() << "\n";
        return detour::command::exit_code::error;
    }
}
