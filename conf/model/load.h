// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From a YAML text to a Config, or to everything that is wrong with it at once. The way is
//     document (text -> tree with positions)  ->  draft (tree -> typed values with their places)
//     ->  rules (do the values fit each other, and the network's habits)  ->  Config
// and each stage goes on with what the one before could read, so that one mistake does not hide
// another. Nothing is touched besides the file itself and the secrets that it names.
//
// A Config that comes out holds its warnings. No exceptions; safe on any input: text, nesting and
// number of values are bounded, anchors and aliases are refused.
#pragma once

#include <expected>
#include <filesystem>
#include <string_view>

#include "conf/model/config.h"
#include "conf/model/diagnostic.h"

namespace detour::model {

struct Versions;  // versions.h

// Errors come sorted by position, warnings among them. `now` says which overrides are in force.
[[nodiscard]] std::expected<Config, Diagnostics> load(const std::filesystem::path& file,
                                                      WallTime now);

// `name` stands for the file in messages, and relative file names are relative to its directory.
[[nodiscard]] std::expected<Config, Diagnostics> parse(std::string_view text,
                                                       const std::filesystem::path& name,
                                                       WallTime now);

// As a detour of other versions would: tests hold the promise of `version:` by it.
[[nodiscard]] std::expected<Config, Diagnostics> parse(std::string_view text,
                                                       const std::filesystem::path& name,
                                                       WallTime now, const Versions& versions);

}  // namespace detour::model
