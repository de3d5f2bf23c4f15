// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The sessions as `detour bgp` shows them when nothing else is asked of it.
#pragma once

#include <string>

#include "tools/detour/verb.h"

namespace detour::command {

// Of one uplink, or of all for "".
[[nodiscard]] int show_sessions(const Context& context, const std::string& uplink);

}  // namespace detour::command
