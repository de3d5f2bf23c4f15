// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What is wrong with a configuration, and where. A diagnostic is complete in itself: it carries the
// line it points at, so that it can be printed, sent or kept after the text is gone.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace detour::model {

// Where a value stands in the file; both from 1, columns in bytes.
struct Position {
    std::uint32_t line = 1;
    std::uint32_t column = 1;

    friend constexpr auto operator<=>(const Position&, const Position&) = default;
};

// A note says what this version cannot do for the configuration; nothing is wrong with it.
enum class Severity : std::uint8_t { note, warning, error };

[[nodiscard]] std::string_view to_string(Severity severity);

struct Diagnostic {
    Severity severity = Severity::error;
    std::string file;
    Position position;
    std::string path;     // uplinks.partner.underlay.remote; "document" for the file as a whole
    std::string message;  // what, and what to do
    std::string source_line;
};

using Diagnostics = std::vector<Diagnostic>;

[[nodiscard]] bool has_errors(const Diagnostics& diagnostics);

// "FILE:LINE:COLUMN: error: PATH: MESSAGE"
[[nodiscard]] std::string headline(const Diagnostic& diagnostic);
// The source line and, below it, a caret under the column. Two lines, each with its newline; empty
// when there is no such line.
[[nodiscard]] std::string excerpt(const Diagnostic& diagnostic);
// Headline and excerpt of each, in order.
[[nodiscard]] std::string to_string(const Diagnostics& diagnostics);

}  // namespace detour::model
