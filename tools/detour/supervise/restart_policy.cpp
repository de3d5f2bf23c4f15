// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/restart_policy.h"

#include <algorithm>

namespace detour::supervise {

Duration RestartPolicy::next_wait(Duration lived) {
    if (lived >= proven)
        wait_ = shortest;
    const Duration wait = wait_;
    wait_ = std::min(2 * wait_, longest);
    return wait;
}

}  // namespace detour::supervise
