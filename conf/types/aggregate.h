// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#pragma once

#include <vector>

#include "conf/types/prefix.h"

namespace detour {

// The fewest prefixes that cover exactly the same addresses, sorted; families do not mix. Each rule
// in the kernel costs every lookup, so sources are aggregated before they become rules.
[[nodiscard]] std::vector<Prefix> aggregate(std::vector<Prefix> prefixes);

}  // namespace detour
