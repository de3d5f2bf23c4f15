// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The journal's reading side: its own connection to the file, which never holds up the writer. A
// reader belongs to one thread (each HTTP thread has its own) and sees what is committed: up to a
// quarter of a second less than what happened.
#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/observe/database.h"
#include "controlplane/observe/journal.h"
#include "controlplane/observe/record.h"

namespace detour::observe {

// Everything given must match.
struct RecordFilter {
    std::string set;
    std::string uplink;
    std::optional<Family> family;
    std::vector<std::string> kinds;  // one of them
    std::optional<Weight> weight;
    RecordNumber after = 0;             // numbers above
    std::optional<RecordNumber> until;  // numbers up to
};

class Reader {
 public:
    [[nodiscard]] static std::expected<Reader, JournalError> open(
        const std::filesystem::path& file);

    // The newest `count` that match, oldest first.
    [[nodiscard]] std::expected<std::vector<Record>, JournalError> tail(const RecordFilter& filter,
                                                                        std::size_t count) const;
    // The oldest `count` that match: with `after`, the next page of a reader that follows.
    [[nodiscard]] std::expected<std::vector<Record>, JournalError> next(const RecordFilter& filter,
                                                                        std::size_t count) const;

    // The record and what caused it, and what caused that, nearest first until `count` records are
    // found; returned oldest first. What was pruned is missing.
    [[nodiscard]] std::expected<std::vector<Record>, JournalError> chain(RecordNumber number,
                                                                         std::size_t count) const;

    [[nodiscard]] std::expected<std::optional<StateEntry>, JournalError> state(
        const std::string& key) const;

 private:
    explicit Reader(Database database) : database_(std::move(database)) {}

    [[nodiscard]] std::expected<std::vector<Record>, JournalError> select(
        const RecordFilter& filter, std::size_t count, const char* order) const;
    [[nodiscard]] std::expected<void, JournalError> add_causes(Record& record) const;

    Database database_;
};

}  // namespace detour::observe
