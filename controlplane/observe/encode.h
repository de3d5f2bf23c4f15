// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the controller's records, which are values, to rows of the journal, which are names and
// JSON.
#pragma once

#include "controlplane/controller/record.h"
#include "controlplane/observe/names.h"
#include "controlplane/observe/record.h"

namespace detour::observe {

[[nodiscard]] Record encode(const controller::Record& record, WallTime wall, const Names& names);

}  // namespace detour::observe
