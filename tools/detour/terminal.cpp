// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace detour::command {
namespace {

std::string_view code_of(Style style) {
    switch (style) {
        case Style::plain:
            return "";
        case Style::strong:
            return "1";
        case Style::red:
            return "1;31";
        case Style::yellow:
            return "1;33";
        case Style::green:
            return "1;32";
    }
    return "";
}

}  // namespace

bool has_colour() {
    const char* const refused = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    if (refused != nullptr && *refused != '\0')
        return false;
    return terminal != nullptr && std::string_view(terminal) != "dumb" && isatty(STDOUT_FILENO);
}

std::string styled(std::string_view text, Style style) {
    if (style == Style::plain || !has_colour())
        return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code_of(style), text);
}

}  // namespace detour::command
