// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A revision: one text of the configuration that ran, or runs, with who wanted it and why. Numbers
// count up and are never used twice; going back to an older one makes a new one with its text, so
// that the list reads as what happened. The digest of a text is how two programs find out that they
// run the same one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/types/duration.h"

namespace detour::revision {

using Number = std::uint64_t;  // from 1

enum class Kind : std::uint8_t { start, reload, apply, rollback };

struct Revision {
    Number number = 0;
    WallTime at{};
    Kind kind = Kind::start;
    std::string actor = {};
    std::string reason = {};
    std::string digest = {};
    std::optional<Number> of = {};  // rollback: whose text it is

    friend bool operator==(const Revision&, const Revision&) = default;
};

// An apply that is undone unless it is confirmed.
struct Trial {
    WallTime until{};
    std::string boot;  // an identifier of the boot it was made in

    friend bool operator==(const Trial&, const Trial&) = default;
};

// What stands: the revision that runs and what is known about it.
struct Standing {
    Number current = 0;                   // 0: none yet
    std::optional<Number> previous = {};  // that ran before it
    std::optional<Trial> trial = {};      // `current` is one, `previous` is what it falls back to
    // The digest of a configuration file that was rolled back from: while the file is still that
    // one, `current` is run in its place, also after a restart.
    std::string set_aside = {};

    friend bool operator==(const Standing&, const Standing&) = default;
};

[[nodiscard]] std::string_view to_string(Kind kind);

// Sixteen hexadecimal digits, the same on every build and machine (FNV-1a, 64 bits): it finds
// differences, it does not withstand forgery.
[[nodiscard]] std::string digest(std::string_view text);

// Both as lines "key: value"; what cannot be read gives nothing.
[[nodiscard]] std::string to_text(const Revision& revision);
[[nodiscard]] std::optional<Revision> parse_revision(std::string_view text);
[[nodiscard]] std::string to_text(const Standing& standing);
[[nodiscard]] std::optional<Standing> parse_standing(std::string_view text);

}  // namespace detour::revision
