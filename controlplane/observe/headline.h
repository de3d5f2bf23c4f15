// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A row of the journal as one line that a person reads: of `detour events`, `why` and `incident`.
#pragma once

#include <string>

#include "controlplane/observe/record.h"

namespace detour::observe {

// "NULLROUTED on provider (was HEALTHY)"; without the set and family that it is about. A kind that
// nobody has taught it shows its payload as "a=1 b=2".
[[nodiscard]] std::string headline(const Record& record);

}  // namespace detour::observe
