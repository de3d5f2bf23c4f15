// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Colour, where a person reads: on a terminal, unless NO_COLOR is set or the terminal is dumb. Into
// a file or a pipe the text is the same without it.
#pragma once

#include <string>
#include <string_view>

namespace detour::command {

enum class Style { plain, strong, red, yellow, green };

// stdout is a terminal that shows colour.
[[nodiscard]] bool has_colour();

// The text in that style on such a terminal, else as it is.
[[nodiscard]] std::string styled(std::string_view text, Style style);

}  // namespace detour::command
