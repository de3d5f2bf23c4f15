// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The journal's format and its version (SQLite's user_version). A file that a newer detour wrote is
// refused, never guessed at. Internal to this room.
#pragma once

#include <cstdint>
#include <expected>

#include "controlplane/observe/database.h"

namespace detour::observe {

inline constexpr std::int64_t journal_format = 1;

// Creates the tables in an empty file; checks the format of one that has them.
[[nodiscard]] std::expected<void, JournalError> prepare_schema(Database& database);
// Only checks; an empty file is no journal.
[[nodiscard]] std::expected<void, JournalError> check_schema(const Database& database);

}  // namespace detour::observe
