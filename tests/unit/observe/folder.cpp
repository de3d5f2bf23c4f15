// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/observe/folder.h"

#include <cstdlib>

namespace detour::observe {

Folder::Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "detour-observe-XXXXXX").string();
    path_ = mkdtemp(name.data());
}

Folder::~Folder() {
    std::filesystem::remove_all(path_);
}

Record row(RecordNumber number, std::string_view kind) {
    Record record;
    record.number = number;
    record.wall = WallTime(std::chrono::seconds(1'795'215'845) + std::chrono::milliseconds(number));
    record.at = Instant(std::chrono::milliseconds(number));
    record.kind = kind;
    record.subject = {"provider", "mail", Family::ipv4, ""};
    return record;
}

}  // namespace detour::observe
