// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the data plane changed on the host and how it was before, in a file of the run directory, so
// that a stop puts it back and so that the next start knows it after a crash. A line each: the
// interface, what was changed, the value before.
//     eth2 tx-checksum 1
//     lan0 twin made
// An entry is on disk before the change is made. The first value remembered wins: after a crash the
// present state is our own doing and not the host's.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/engine/error.h"

namespace detour::engine {

class UndoFile {
 public:
    struct Entry {
        std::string interface;
        std::string what;
        std::string before;

        friend bool operator==(const Entry&, const Entry&) = default;
    };

    // What a previous instance left; an absent file is empty, a line that cannot be read is skipped
    // (it was cut by a crash before its change was made).
    [[nodiscard]] static UndoFile read(std::filesystem::path file);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    [[nodiscard]] bool has(std::string_view interface, std::string_view what) const;
    // Before the change is made.
    [[nodiscard]] std::expected<void, Error> remember(const Entry& entry);
    // After it was undone.
    void forget(const Entry& entry);

 private:
    explicit UndoFile(std::filesystem::path file) : file_(std::move(file)) {}
    [[nodiscard]] std::expected<void, Error> write() const;

    std::filesystem::path file_;
    std::vector<Entry> entries_;
};

}  // namespace detour::engine
