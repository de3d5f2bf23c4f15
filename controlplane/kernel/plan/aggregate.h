// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The fewest prefixes that cover exactly the same addresses. Rules are looked up one by one (10,000
// cost 125 us a packet), so sources are aggregated before they become rules.
#pragma once

#include <vector>

#include "conf/types/prefix.h"

namespace detour::kernel::plan {

// Any order and families in, ascending order out; the union does not change.
[[nodiscard]] std::vector<Prefix> aggregate(std::vector<Prefix> prefixes);

}  // namespace detour::kernel::plan
