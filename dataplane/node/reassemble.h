// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A fragment of an outer packet on its way into decap: kept until the rest is there, or dropped by
// name. A worker's fragments of one packet are all of it, since a device and the spray (spray.h)
// tell fragments apart by their addresses alone.
#pragma once

#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// A fragment between the ends of a tunnel, with no fewer octets than `packet.size`. True: `packet`
// is the whole one now, in the same buffer. False: it ended here.
[[nodiscard]] bool reassemble(Context& context, Packet& packet);

// Gives up what has waited too long; now and then.
void expire_fragments(Context& context);

}  // namespace detour::node
