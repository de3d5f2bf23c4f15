// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// First look at the frames of a port: is it for us, is it intact, which family, is it GRE. Every
// frame ends in a lane or in drop or punt.
#pragma once

#include <span>

#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// At most vector_size frames that came in by `port`; `lanes` are empty.
void classify(Context& context, PortId port, std::span<rte_mbuf* const> frames, Lanes& lanes);

}  // namespace detour::node
