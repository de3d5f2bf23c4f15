// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A draft without errors becomes a Config: names become ids, what was not given its default (the
// ones in config.h and timing.cpp), relative file names absolute.
#pragma once

#include "conf/model/config.h"
#include "conf/model/draft.h"

namespace detour::model {

[[nodiscard]] Config assemble(const Draft& draft);

}  // namespace detour::model
