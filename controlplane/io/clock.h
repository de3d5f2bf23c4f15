// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The two clocks, read here and nowhere else in the control plane: the monotonic one for everything
// that is decided, the wall clock for records. detourd hands their readings to the sans-IO rooms as
// arguments.
#pragma once

#include "conf/types/duration.h"

namespace detour::io {

// CLOCK_MONOTONIC; does not stop for a step of the wall clock.
[[nodiscard]] Instant now();

// CLOCK_REALTIME, UTC.
[[nodiscard]] WallTime wall_now();

}  // namespace detour::io
