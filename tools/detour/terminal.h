// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where a person reads: colour on a terminal, unless NO_COLOR is set or the terminal is dumb, and
// lines that fit it. Into a file or a pipe the text is the same without colour, and nothing is cut.
// What stdout is, is looked at once: -w reads a verb's output before it is drawn.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace detour::command {

enum class Style { plain, strong, red, yellow, green };

// stdout is a terminal that shows colour.
[[nodiscard]] bool has_colour();

// The text in that style on such a terminal, else as it is.
[[nodiscard]] std::string styled(std::string_view text, Style style);

struct Size {
    unsigned columns = 80;
    unsigned rows = 24;
};

// Of the terminal on stdout, now; nothing: it is none.
[[nodiscard]] std::optional<Size> terminal_size();

// Letters that show: without the codes of styles; UTF-8 counts as one a code point.
[[nodiscard]] std::size_t width(std::string_view text);

// At most so wide; a style that is cut through is ended.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

// Broken between words into lines of at most `columns`, the further ones after `indent` blanks; a
// word that is longer stays whole. Without codes of styles.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent);

// The same for the terminal on stdout; elsewhere nothing is broken.
[[nodiscard]] std::string folded(std::string_view text, std::size_t indent);

// Filled with blanks to the width that shows.
[[nodiscard]] std::string padded(std::string_view text, std::size_t columns);

}  // namespace detour::command
