// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/schema.h"

#include <fmt/format.h>

namespace detour::observe {
namespace {

constexpr std::int64_t application_id = 0x64746f72;  // "dtor"

// Times are nanoseconds: `wall` since 1970 in UTC, `at` on the daemon's monotonic line.
constexpr const char* tables = R"(
CREATE TABLE record (
    number    INTEGER PRIMARY KEY,
    wall      INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    weight    INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    uplink    TEXT,
    prefix_set TEXT,
    family    INTEGER,
    peer      TEXT,
    payload   TEXT NOT NULL
);
CREATE INDEX record_by_set ON record (prefix_set, number) WHERE prefix_set IS NOT NULL;
CREATE INDEX record_by_weight ON record (weight, number);
CREATE TABLE cause (
    number INTEGER NOT NULL,
    cause  INTEGER NOT NULL,
    PRIMARY KEY (number, cause)
) WITHOUT ROWID;
CREATE TABLE state (
    key     TEXT PRIMARY KEY,
    wall    INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    payload TEXT NOT NULL
);
)";

}  // namespace

std::expected<void, JournalError> check_schema(const Database& database) {
    const auto format = database.integer("PRAGMA user_version");
    if (!format)
        return std::unexpected(format.error());
    const auto application = database.integer("PRAGMA application_id");
    if (!application)
        return std::unexpected(application.error());
    if (*application != application_id)
        return std::unexpected(JournalError{JournalError::Kind::foreign,
                                            "this file is no journal of detour: move it away"});
    if (*format > journal_format)
        return std::unexpected(JournalError{
            JournalError::Kind::newer,
            fmt::format("the journal has format {}, this detour knows up to {}: start the newer "
                        "detour again, or move the file away (placement and history go with it)",
                        *format, journal_format)});
    return {};
}

std::expected<void, JournalError> prepare_schema(Database& database) {
    const auto count = database.integer("SELECT count(*) FROM sqlite_master");
    if (!count)
        return std::unexpected(count.error());
    if (*count != 0)
        return check_schema(database);
    return database.execute(
        fmt::format("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = {};"
                    "BEGIN; {} PRAGMA user_version = {}; COMMIT;",
                    application_id, tables, journal_format));
}

}  // namespace detour::observe
