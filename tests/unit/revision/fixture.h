// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A state directory and a configuration file of one test, removed at its end.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "conf/revision/store.h"

namespace detour::revision {

class Folder {
 public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "detour-revision-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::filesystem::path state() const { return path_ / "state"; }
    [[nodiscard]] std::filesystem::path file() const { return path_ / "detour.yaml"; }
    void write(const std::string& text) const { std::ofstream(file()) << text; }

 private:
    std::filesystem::path path_;
};

}  // namespace detour::revision
