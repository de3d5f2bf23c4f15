// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace detour::observe {
namespace {

std::unexpected<JournalError> failure(sqlite3* database, int code, std::string_view what) {
    const bool is_foreign = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    const char* reason = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    return std::unexpected(
        JournalError{is_foreign ? JournalError::Kind::foreign : JournalError::Kind::io,
                     fmt::format("{}: {}", what, reason)});
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Statement& Statement::bind(int place, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), place, value);
    return *this;
}

Statement& Statement::bind(int place, std::string_view text) {
    sqlite3_bind_text(statement_.get(), place, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
    return *this;
}

Statement& Statement::bind_null(int place) {
    sqlite3_bind_null(statement_.get(), place);
    return *this;
}

Statement& Statement::bind_optional(int place, std::string_view text) {
    return text.empty() ? bind_null(place) : bind(place, text);
}

std::expected<bool, JournalError> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW)
        return true;
    if (code == SQLITE_DONE)
        return false;
    return failure(sqlite3_db_handle(statement_.get()), code, "the journal cannot be used");
}

std::expected<void, JournalError> Statement::run() {
    for (;;) {
        const auto has_row = step();
        if (!has_row) {
            reset();
            return std::unexpected(has_row.error());
        }
        if (!*has_row)
            break;
    }
    reset();
    return {};
}

void Statement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* text = sqlite3_column_text(statement_.get(), column);
    if (text == nullptr)
        return {};
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Closer::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

std::expected<Database, JournalError> Database::open(const std::filesystem::path& file,
                                                     Access access) {
    sqlite3* handle = nullptr;
    const int flags =
        SQLITE_OPEN_NOMUTEX | (access == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                       : SQLITE_OPEN_READONLY);
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
    Database database(handle);
    if (code != SQLITE_OK)
        return failure(handle, code, fmt::format("cannot open {}", file.string()));
    sqlite3_extended_result_codes(handle, 0);
    // A reader may hold the file for a moment while a checkpoint waits.
    sqlite3_busy_timeout(handle, 2000);
    return database;
}

std::expected<void, JournalError> Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        return failure(database_.get(), code, "the journal cannot be used");
    return {};
}

std::expected<Statement, JournalError> Database::prepare(std::string_view sql) const {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, nullptr);
    if (code != SQLITE_OK)
        return failure(database_.get(), code, "the journal cannot be used");
    return Statement(statement);
}

std::expected<std::int64_t, JournalError> Database::integer(std::string_view sql) const {
    auto statement = prepare(sql);
    if (!statement)
        return std::unexpected(statement.error());
    const auto has_row = statement->step();
    if (!has_row)
        return std::unexpected(has_row.error());
    return *has_row ? statement->integer(0) : 0;
}

std::int64_t Database::changes() const {
    return sqlite3_changes64(database_.get());
}

}  // namespace detour::observe
