// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The status document: what is true, since when, how do we know, what comes next. One value in, one
// JSON out; ages are seconds, so that a reader needs no clock that agrees with ours.
#pragma once

#include <nlohmann/json.hpp>

#include "controlplane/controller/view.h"
#include "controlplane/observe/names.h"

namespace detour::observe {

// {"router", "asn", "mode", "profile", "uptime_s", "frozen", "veto", "dataplane": {...}, "probes":
// {...},
//  "uplinks": [{"name", "kind", "link", "bgp": [...], "blocks": [...]}],
//  "sets": [{"set", "family", "prefixes", "uplink", "home", "announced", "move", "next", ...}]}
[[nodiscard]] nlohmann::json status_json(const controller::View& view, const Names& names);

}  // namespace detour::observe
