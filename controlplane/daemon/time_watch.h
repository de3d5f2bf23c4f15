// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Watches our own time: how late the loop wakes, and whether the wall clock was moved. Both void
// what was measured meanwhile (detection.md section 3, vetoes). Pure: readings of the clocks go in.
#pragma once

#include <optional>

#include "conf/types/duration.h"

namespace detour::daemon {

class TimeWatch {
 public:
    // `tolerance`: a gap beyond it is told (the profile's).
    explicit TimeWatch(Duration tolerance) : tolerance_(tolerance) {}

    // The loop meant to run at `due` and runs at `now`.
    [[nodiscard]] std::optional<Duration> gap(Instant due, Instant now) const;

    // Both clocks read together; true when the wall clock has moved against the monotonic one by
    // more than slewing does. The first reading only sets the mark.
    [[nodiscard]] bool has_stepped(Instant now, WallTime wall);

 private:
    Duration tolerance_;
    std::optional<Duration> offset_;  // wall - monotonic
    Instant last_;
};

}  // namespace detour::daemon
