// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which text a plane runs when it starts. In this order:
//   1. an apply that nobody confirmed before the restart: the revision before it;
//   2. a file that was rolled back from and is still the same: the revision that stands;
//   3. the file, when it has no error;
//   4. the last good revision, and the file's errors are told: a bad file does not keep a box that
//      once ran from coming up.
// The data plane asks one thing more: while a detourd runs, its revision is the one, so that a data
// plane that crashes does not come back with edits that nobody has applied.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include "conf/model/config.h"
#include "conf/model/load.h"
#include "conf/revision/store.h"

namespace detour::revision {

struct Choice {
    model::Config config;
    std::string text;
    std::optional<Number> number;  // nothing: the file as it stands, perhaps not yet a revision
    // Why it is not the file, for the log; empty when it is.
    std::string notice;
};

enum class Plane : std::uint8_t { control, data };
enum class Peer : std::uint8_t { absent, running };  // detourd, as the data plane sees it

struct Question {
    std::filesystem::path config_file;
    std::filesystem::path state_dir;
    Plane plane = Plane::control;
    Peer control = Peer::absent;
    std::string boot;   // boot_id()
    WallTime now = {};  // for what holds for a time
};

// The error: neither the file nor a revision can be run; the file's diagnostics.
[[nodiscard]] std::expected<Choice, model::Diagnostics> choose(const Question& question);

// One revision's text, under the configuration file's name: relative file names in it mean the
// same.
[[nodiscard]] std::expected<Choice, std::string> read_revision(const Question& question,
                                                               Number number);

}  // namespace detour::revision
