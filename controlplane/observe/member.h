// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Members of a JSON object that may be missing, and figures as people write them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace detour::observe {

// A string as it is, anything else as JSON; empty when it is missing or null.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* name);
// 0 when it is missing or no number.
[[nodiscard]] double number_at(const nlohmann::json& object, const char* name);
[[nodiscard]] bool truth_at(const nlohmann::json& object, const char* name, bool fallback);
// An empty object when it is missing or none.
[[nodiscard]] const nlohmann::json& object_at(const nlohmann::json& object, const char* name);

// Three significant digits, no needless zeros: 6, 6.12, 33.4, 1250.
[[nodiscard]] std::string digits(double value);

}  // namespace detour::observe
