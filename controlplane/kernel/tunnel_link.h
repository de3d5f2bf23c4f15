// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The request that makes a real gre or ip6gre link (kernel mode), written by libnl.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/kernel/plan/objects.h"

namespace detour::kernel {

// One RTM_NEWLINK message: always bound to its port (`dev PORT`), so that a route to the endpoint
// that leads into the tunnel does no harm; path MTU discovery on; up; in the group of the goal.
// Asserts that the goal has a tunnel.
[[nodiscard]] std::vector<std::uint8_t> tunnel_request(const plan::LinkGoal& goal);

}  // namespace detour::kernel
