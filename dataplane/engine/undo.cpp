// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/undo.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace detour::engine {

UndoFile UndoFile::read(std::filesystem::path file) {
    UndoFile undo(std::move(file));
    std::ifstream in(undo.file_);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        Entry entry;
        if (words >> entry.interface >> entry.what >> entry.before)
            undo.entries_.push_back(std::move(entry));
    }
    return undo;
}

bool UndoFile::has(std::string_view interface, std::string_view what) const {
    return std::ranges::any_of(entries_, [&](const Entry& entry) {
        return entry.interface == interface && entry.what == what;
    });
}

std::expected<void, Error> UndoFile::remember(const Entry& entry) {
    if (has(entry.interface, entry.what))
        return {};
    entries_.push_back(entry);
    return write();
}

void UndoFile::forget(const Entry& entry) {
    std::erase(entries_, entry);
    // Failing only means that the next start undoes it once more.
    [[maybe_unused]] const auto written = write();
}

std::expected<void, Error> UndoFile::write() const {
    std::error_code error;
    if (entries_.empty()) {
        std::filesystem::remove(file_, error);
        return {};
    }
    // A new file moved over the old one: whenever the process dies, one of them is whole.
    std::filesystem::path fresh = file_;
    fresh += ".new";
    {
        std::ofstream out(fresh, std::ios::trunc);
        for (const Entry& entry : entries_)
            out << entry.interface << ' ' << entry.what << ' ' << entry.before << '\n';
        if (!out.flush())
            return std::unexpected(Error{fmt::format("cannot write {}", fresh.native())});
    }
    std::filesystem::rename(fresh, file_, error);
    if (error)
        return std::unexpected(
            Error{fmt::format("cannot write {}: {}", file_.native(), error.message())});
    return {};
}

}  // namespace detour::engine
