// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour targets: which targets and control sources work on each uplink, what is to be changed
// about those that do not, and which uplinks share the fate of another. Pure: from the API's
// documents to text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace detour::command {

struct TargetsReport {
    std::string text;
    int code = 0;  // 1: something is to be changed
};

// Of /v1/probes and /v1/status.
[[nodiscard]] TargetsReport targets_report(const nlohmann::json& probes,
                                           const nlohmann::json& status);

}  // namespace detour::command
