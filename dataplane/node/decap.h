// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// GRE that came to one of our tunnel ends: find the tunnel, take the inner packet out, check it
// like any other that came in, and put it into the lane of its family with the tunnel as origin.
// GRE to anybody else goes on as an ordinary packet. Nothing is decapsulated twice.
#pragma once

#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// Works off lanes.gre.
void decap(Context& context, Lanes& lanes);

}  // namespace detour::node
