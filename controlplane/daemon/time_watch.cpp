// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/time_watch.h"

#include <chrono>
#include <utility>

namespace detour::daemon {
namespace {

// NTP slews by 500 ppm at most; what two readings one after the other differ by is far below the
// pad.
constexpr std::int64_t slew_divisor = 2000;
constexpr Duration pad = std::chrono::milliseconds(100);

}  // namespace

std::optional<Duration> TimeWatch::gap(Instant due, Instant now) const {
    if (now - due <= tolerance_)
        return std::nullopt;
    return now - due;
}

bool TimeWatch::has_stepped(Instant now, WallTime wall) {
    const Duration offset = wall.time_since_epoch() - now.time_since_epoch();
    const Duration since = now - std::exchange(last_, now);
    const std::optional<Duration> before = std::exchange(offset_, offset);
    if (!before)
        return false;
    return std::chrono::abs(offset - *before) > pad + since / slew_divisor;
}

}  // namespace detour::daemon
