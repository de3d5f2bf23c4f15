// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>

namespace detour::model {

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::note:
            return "note";
        case Severity::warning:
            return "warning";
        case Severity::error:
            return "error";
    }
    return "?";
}

bool has_errors(const Diagnostics& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string headline(const Diagnostic& diagnostic) {
    return fmt::format("{}:{}:{}: {}: {}: {}", diagnostic.file, diagnostic.position.line,
                       diagnostic.position.column, to_string(diagnostic.severity), diagnostic.path,
                       diagnostic.message);
}

std::string excerpt(const Diagnostic& diagnostic) {
    const std::string& line = diagnostic.source_line;
    if (line.empty())
        return {};
    // Tabs stay tabs and a character of several bytes takes one place, so that the caret stands
    // under what it means.
    std::string pad;
    const std::size_t before = std::min<std::size_t>(diagnostic.position.column - 1, line.size());
    for (std::size_t i = 0; i < before; ++i) {
        const bool is_continuation = (static_cast<unsigned char>(line[i]) & 0xc0U) == 0x80;
        if (!is_continuation)
            pad += line[i] == '\t' ? '\t' : ' ';
    }
    return fmt::format("    {}\n    {}^\n", line, pad);
}

std::string to_string(const Diagnostics& diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics)
        text += headline(diagnostic) + "\n" + excerpt(diagnostic);
    return text;
}

}  // namespace detour::model
