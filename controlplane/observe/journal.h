// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The journal's writing side: every input and output of the daemon, and the state that must survive
// it. One thread of its own talks to SQLite (WAL), so that the event loop never waits for a disk.
//
// Rows are committed in batches: a killed daemon loses at most the last quarter of a second, a lost
// machine little more than one. What is durable is on the disk before its `done` is called; the
// caller fires the action then, not earlier. If the queue is full (a disk that stands still)
// routine rows are dropped, counted, and a row says how many; durable ones are always taken.
//
// The file stays below its limit: the oldest routine rows go first, except those that an act or a
// verdict names as its cause.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/observe/journal_error.h"
#include "controlplane/observe/record.h"

namespace detour::observe {

// What outlives the process under one key: "decision", "baselines". Replaced as a whole.
struct StateEntry {
    std::string key;
    WallTime wall;
    RecordNumber number = 0;  // the record it goes with; 0: none
    nlohmann::json payload;

    friend bool operator==(const StateEntry&, const StateEntry&) = default;
};

struct JournalLimits {
    std::uint64_t size = 256UL << 20;                    // of the file, in bytes
    std::size_t queue_count = 65'536;                    // rows waiting for the disk
    Duration interval = std::chrono::milliseconds(250);  // between commits
};

struct JournalHealth {
    std::uint64_t written = 0;
    std::uint64_t lost = 0;
    std::uint64_t pruned = 0;
    std::string error;  // of the last commit; empty: it went well
};

class Journal {
 public:
    using Done = std::function<void(std::expected<void, JournalError>)>;

    // Creates the file and what is missing in it (0640); adopts one that is there.
    [[nodiscard]] static std::expected<std::unique_ptr<Journal>, JournalError> open(
        const std::filesystem::path& file, const JournalLimits& limits = {});
    // Writes what waits.
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    // The number the first record of this run should have.
    [[nodiscard]] RecordNumber first_number() const;

    // Any one thread. Numbers must grow.
    void append(Record record);
    // `done` is called by the journal's thread.
    void append_durable(Record record, Done done);
    void save(StateEntry entry, Done done);

    // Returns when everything appended so far is committed or lost.
    void flush();

    [[nodiscard]] JournalHealth health() const;

 private:
    class Writer;
    explicit Journal(std::unique_ptr<Writer> writer);

    std::unique_ptr<Writer> writer_;
};

}  // namespace detour::observe
