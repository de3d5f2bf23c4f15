// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// `detour status` as a screen: mode, revision, planes and versions, the open incident, uplinks with
// their verdicts and how these are known, sets with where their traffic goes, who would take over
// and when that was last proven, and what the box will do next. It fits the rows it is given: what
// is calm is counted instead of listed when there is more than fits; what alarms always stands.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/detour/terminal.h"

namespace detour::command {

struct StatusView {
    nlohmann::json status;    // GET /v1/status
    nlohmann::json incident;  // the open one, as in GET /v1/incidents; null: none
    std::string command;      // version of this command
    std::string dataplane;    // version of the data plane; empty: not known
};

// Lines of at most size.columns letters, size.rows of them at most.
[[nodiscard]] std::string status_screen(const StatusView& view, Size size);

// exit_code::attention when something wants a look: an alarm, a set away from home, a plane that is
// silent or of another version, a freeze, an incident.
[[nodiscard]] int status_code(const StatusView& view);

}  // namespace detour::command
