// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The revisions on disk, in the state directory:
//
//     revisions/17.yaml    the text, byte for byte
//     revisions/17         who, when, why (revision.h)
//     revisions/standing   which of them runs
//
// detourd alone writes; each file is replaced as a whole and is on the disk when the call returns,
// so that a power cut leaves the old or the new one. Everybody may read. An error is a sentence
// that says what to do.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "conf/revision/revision.h"

namespace detour::revision {

class Store {
 public:
    // So many are kept; older ones go, except those that stand.
    static constexpr std::size_t kept_count = 200;

    explicit Store(const std::filesystem::path& state_dir) : directory_(state_dir / "revisions") {}

    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::vector<Revision> list() const;  // oldest first
    [[nodiscard]] std::expected<Revision, std::string> find(Number number) const;
    [[nodiscard]] std::expected<std::string, std::string> text(Number number) const;
    // Nothing stands before the first start, or when the file is damaged.
    [[nodiscard]] Standing standing() const;

    // Gives it its number and its text's digest.
    [[nodiscard]] std::expected<Revision, std::string> add(std::string_view text,
                                                           Revision revision) const;
    [[nodiscard]] std::expected<void, std::string> stand(const Standing& standing) const;

 private:
    void prune(const std::vector<Revision>& revisions) const;

    std::filesystem::path directory_;
};

// The whole file, or why it cannot be read.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::filesystem::path& file);

// Of this boot of the host; empty where the kernel does not tell.
[[nodiscard]] std::string boot_id();

}  // namespace detour::revision
