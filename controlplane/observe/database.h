// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// SQLite, with owners instead of close calls and errors as values. Internal to this room. A
// Database and its Statements belong to one thread.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/observe/journal_error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace detour::observe {

class Statement {
 public:
    Statement& bind(int place, std::int64_t value);
    Statement& bind(int place, std::string_view text);
    Statement& bind_null(int place);
    // Empty text is null.
    Statement& bind_optional(int place, std::string_view text);

    // True: there is a row to read.
    [[nodiscard]] std::expected<bool, JournalError> step();
    // Steps through, drops rows, and is ready to be bound again.
    [[nodiscard]] std::expected<void, JournalError> run();
    void reset();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;  // empty for null
    [[nodiscard]] bool is_null(int column) const;

 private:
    friend class Database;
    struct Finalizer {
        void operator()(sqlite3_stmt* statement) const;
    };
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

    std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

class Database {
 public:
    enum class Access : std::uint8_t { write, read };
    [[nodiscard]] static std::expected<Database, JournalError> open(
        const std::filesystem::path& file, Access access);

    // One or more statements without parameters.
    [[nodiscard]] std::expected<void, JournalError> execute(const std::string& sql);
    [[nodiscard]] std::expected<Statement, JournalError> prepare(std::string_view sql) const;
    // The first column of the first row; 0 if there is none.
    [[nodiscard]] std::expected<std::int64_t, JournalError> integer(std::string_view sql) const;
    // Rows changed by the last statement.
    [[nodiscard]] std::int64_t changes() const;

 private:
    struct Closer {
        void operator()(sqlite3* database) const;
    };
    explicit Database(sqlite3* database) : database_(database) {}

    std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace detour::observe
