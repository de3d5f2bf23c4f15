// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The effects of a difference, one function for each kind; internal to conf/model (diff.h).
#pragma once

#include <vector>

#include "conf/model/diff.h"

namespace detour::model {

[[nodiscard]] std::vector<SessionChange> session_changes(const Config& before, const Config& after);
[[nodiscard]] std::vector<TrafficChange> traffic_changes(const Config& before, const Config& after);
[[nodiscard]] std::vector<Restart> restarts(const Config& before, const Config& after);

}  // namespace detour::model
