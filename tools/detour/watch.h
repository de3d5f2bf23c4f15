// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// -w: a verb that reads, again and again. On a terminal the screen is redrawn in place and cut to
// its size; elsewhere each reading follows the one before, and JSON is one line a reading.
#pragma once

#include <string>
#include <string_view>

#include "conf/types/duration.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {

// Until interrupted, or until the verb fails otherwise than by a daemon that does not answer: that
// is waited for.
[[nodiscard]] int watch(const Action& action, const Context& context, Duration every);

// What draws `text` over the screen before: each line ends its rest, what is below is erased.
[[nodiscard]] std::string frame(std::string_view text, Size size);

}  // namespace detour::command
