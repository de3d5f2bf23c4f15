// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace detour::command {

void Columns::print() const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = columns_[i].title.size();
        for (const auto& row : rows_)
            width = std::max(width, row[i].text.size());
        widths.push_back(width);
    }
    const auto line = [&](auto&& cell_of) {
        std::string text;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Cell cell = cell_of(i);
            const std::string pad(widths[i] - cell.text.size(), ' ');
            const bool is_right = columns_[i].align == Align::right;
            const bool is_last = i + 1 == columns_.size();
            text += (i == 0 ? "" : "  ") + (is_right ? pad : "") + styled(cell.text, cell.style) +
                    (is_right || is_last ? "" : pad);
        }
        fmt::print("{}\n", text);
    };
    line([this](std::size_t i) { return Cell(columns_[i].title, Style::strong); });
    for (const auto& row : rows_)
        line([&row](std::size_t i) { return row[i]; });
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3)
        text.insert(i - 3, " ");
    return text;
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < units.size(); ++unit)
        value /= 1000;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace detour::command
