// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A list for a person: a headline, rows below it, columns as wide as what stands in them. Numbers
// stand to the right, the last column runs on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/detour/terminal.h"

namespace detour::command {

struct Cell {
    std::string text;
    Style style = Style::plain;

    Cell(std::string of) : text(std::move(of)) {}  // NOLINT(google-explicit-constructor)
    Cell(const char* of) : text(of) {}             // NOLINT(google-explicit-constructor)
    Cell(std::string of, Style in) : text(std::move(of)), style(in) {}
};

enum class Align : std::uint8_t { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

class Columns {
 public:
    explicit Columns(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // On stdout.
    void print() const;

 private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

// "1 234 567": groups of three, for eyes.
[[nodiscard]] std::string grouped(std::uint64_t number);
// "3.2 MB"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace detour::command
