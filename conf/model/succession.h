// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A configuration that takes the place of another in a running plane. Kernel tables, nexthop ids
// and counters are numbered by position, so what is the same keeps its position where the order
// means nothing: a set that is inserted at the top of the file must not renumber all the others
// under traffic.
#pragma once

#include "conf/model/config.h"
#include "conf/types/renumbering.h"

namespace detour::model {

// `after`, with its ports, prefix sets and targets in the places they have in `before`, as far as
// there is room; new ones fill the gaps. Uplinks stay as they are: their order is preference.
[[nodiscard]] Config keep_places(Config after, const Config& before);

// The same thing is what has the same name, a target what has the same address.
[[nodiscard]] Renumbering renumbering(const Config& before, const Config& after);

}  // namespace detour::model
