// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What outlives the process (detection.md section 6) as a JSON document, and back. Uplinks and sets
// are written by name: a configuration whose lists changed order still finds its placement; what is
// no longer configured is left out.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "controlplane/controller/output.h"
#include "controlplane/observe/names.h"

namespace detour::observe {

// Raised when an older detourd would misread what a newer one wrote.
inline constexpr int state_format = 1;

[[nodiscard]] nlohmann::json to_json(const decision::State& state, const Names& names);

// Nothing: not a document of this format. A block that cannot be read whole is left out, and so
// starts as new.
[[nodiscard]] std::optional<decision::State> state_from_json(const nlohmann::json& document,
                                                             const Names& names);

}  // namespace detour::observe
