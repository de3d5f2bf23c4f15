// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace detour::command {
namespace {

constexpr std::string_view end_of_style = "\033[0m";

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

bool look_for_colour() {
    const char* const refused = std::getenv("NO_COLOR");
    const char* const terminal = std::getenv("TERM");
    if (refused != nullptr && *refused != '\0')
        return false;
    return terminal != nullptr && std::string_view(terminal) != "dumb" && isatty(STDOUT_FILENO);
}

// Bytes of the style's code or of the code point at `at`, and whether it shows.
struct Unit {
    std::size_t size;
    bool is_shown;
};

Unit unit_at(std::string_view text, std::size_t at) {
    if (text.substr(at).starts_with("\033[")) {
        const std::size_t end = text.find('m', at);
        return {end == std::string_view::npos ? text.size() - at : end + 1 - at, false};
    }
    std::size_t size = 1;
    while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xC0) == 0x80)
        ++size;
    return {size, true};
}

}  // namespace

bool has_colour() {
    static const bool is_shown = look_for_colour();
    return is_shown;
}

std::string styled(std::string_view text, Style style) {
    if (style == Style::plain || !has_colour())
        return std::string(text);
    return fmt::format("\033[{}m{}{}", code_of(style), text, end_of_style);
}

std::optional<Size> terminal_size() {
    static const bool is_terminal = isatty(STDOUT_FILENO) == 1;
    if (!is_terminal)
        return std::nullopt;
    winsize size{};
    // stdout may be put aside while -w draws; stderr and stdin are the same terminal then.
    for (const int descriptor : {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO})
        if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0)
            return Size{size.ws_col, size.ws_row};
    return Size{};
}

std::size_t width(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t at = 0; at < text.size();) {
        const Unit unit = unit_at(text, at);
        columns += unit.is_shown ? 1 : 0;
        at += unit.size;
    }
    return columns;
}

std::string cut(std::string_view text, std::size_t columns) {
    std::size_t shown = 0;
    bool has_style = false;
    for (std::size_t at = 0; at < text.size();) {
        const Unit unit = unit_at(text, at);
        if (unit.is_shown && ++shown > columns)
            return std::string(text.substr(0, at)).append(has_style ? end_of_style : "");
        has_style = has_style || !unit.is_shown;
        at += unit.size;
    }
    return std::string(text);
}

std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
    std::string result;
    std::size_t used = 0;
    bool is_fresh = true;  // nothing but the indent stands in the line
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t blanks = std::min(text.find_first_not_of(' ', at), text.size());
        const std::size_t end = std::min(text.find(' ', blanks), text.size());
        const std::size_t length = width(text.substr(at, end - at));
        if (!is_fresh && used + length > columns) {
            result.append("\n").append(indent, ' ').append(text.substr(blanks, end - blanks));
            used = indent + width(text.substr(blanks, end - blanks));
        } else {
            result.append(text.substr(at, end - at));
            used += length;
        }
        is_fresh = is_fresh && blanks == end;
        at = end;
    }
    return result;
}

std::string folded(std::string_view text, std::size_t indent) {
    const auto size = terminal_size();
    return size ? wrapped(text, size->columns, indent) : std::string(text);
}

std::string padded(std::string_view text, std::size_t columns) {
    const std::size_t shown = width(text);
    return std::string(text).append(shown < columns ? columns - shown : 0, ' ');
}

}  // namespace detour::command
