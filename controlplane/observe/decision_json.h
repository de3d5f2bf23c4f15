// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The decision's values as JSON, snake_case, durations in seconds: what the journal stores as
// payload and what the API gives. Names are an interface (schema_version).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "controlplane/controller/record.h"
#include "controlplane/observe/names.h"

namespace detour::observe {

// {"rule", "figures": [{"name", "value", "comparison", "threshold", "unit", "out_of", "section",
// "holds"}],
//  "missing", "note"}; members that say nothing are left out.
[[nodiscard]] nlohmann::json to_json(const decision::Explanation& explanation);

// {"prepends", "graceful_shutdown", "no_export", "communities"}
[[nodiscard]] nlohmann::json to_json(const decision::Announcement& announcement);

// What was heard, and what was done, in the kinds and members of observe/record.h.
struct Described {
    std::string kind;
    std::optional<UplinkId> uplink;
    std::optional<PrefixSetId> set;
    std::optional<Family> family;
    nlohmann::json payload = nlohmann::json::object();
};
[[nodiscard]] Described describe(const decision::Evidence& evidence, const Names& names);
[[nodiscard]] Described describe(const decision::Deed& deed, const Names& names);

// What an operator would type: "detour move mail --to partner NULLROUTED".
[[nodiscard]] std::string command(const decision::Advice& advice, PrefixSetId set,
                                  const Names& names);

[[nodiscard]] double to_seconds(Duration duration);

}  // namespace detour::observe
