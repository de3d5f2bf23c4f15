// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the verbs that look at a running detourd share: asking for a document, and the few words of
// its values. Their text is lines of at most 80 letters where the names allow it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/detour/client.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {

// Asks, prints the document with -j, else hands it to `show`, which gives the exit code.
[[nodiscard]] int look(const Context& context, const std::string& path, const Query& query,
                       const std::function<int(const nlohmann::json&)>& show);

// A member that is a text; empty when it is not there.
[[nodiscard]] std::string text_of(const nlohmann::json& object, const char* name);

// "2.1s", "42s", "3m10s", "3h04m", "12d03h"; "never" for null.
[[nodiscard]] std::string short_age(double seconds);
[[nodiscard]] std::string short_age(const nlohmann::json& seconds);

// "35%", "-" for null.
[[nodiscard]] std::string percent(const nlohmann::json& ratio);

// "950/s", "1.2k/s", "3.4M/s"; "-" for null.
[[nodiscard]] std::string rate(const nlohmann::json& per_second);

// No alarm: AWAY, CONTROL-BAD, SENTINEL-BAD, UNSEEN, NEVER-PROVEN, UNCLEAR, HEALTHY.
[[nodiscard]] bool is_calm(std::string_view verdict);
[[nodiscard]] Style style_of(std::string_view verdict);

// "web/ipv6" of a row with set and family.
[[nodiscard]] std::string block_name(const nlohmann::json& row);

}  // namespace detour::command
