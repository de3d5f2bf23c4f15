// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How long to wait before a child that ended is started again: hardly at all at first, because
// packets wait; twice as long each time, so that a child that cannot live does not take the machine
// with it; never more than ten seconds, because the next try may be the one. A child that lived for
// half a minute starts afresh.
#pragma once

#include "conf/types/duration.h"

namespace detour::supervise {

class RestartPolicy {
 public:
    static constexpr Duration shortest = std::chrono::milliseconds(100);
    static constexpr Duration longest = std::chrono::seconds(10);
    static constexpr Duration proven = std::chrono::seconds(30);

    // The wait after a child that ended having lived for so long.
    [[nodiscard]] Duration next_wait(Duration lived);

 private:
    Duration wait_ = shortest;
};

}  // namespace detour::supervise
