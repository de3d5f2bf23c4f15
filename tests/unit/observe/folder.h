// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A folder of its own for one test case, and rows to put into a journal there.
#pragma once

#include <filesystem>
#include <string>

#include "controlplane/observe/record.h"

namespace detour::observe {

class Folder {
 public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::filesystem::path journal() const { return path_ / "journal.db"; }

 private:
    std::filesystem::path path_;
};

// A routine input about mail on provider, in IPv4, dated by its number.
[[nodiscard]] Record row(RecordNumber number, std::string_view kind);

}  // namespace detour::observe
