// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the outer path of a tunnel cannot carry: heard on the way to the kernel, which knows nothing
// of our tunnels, and noted for the engine (engine/path_mtu.h), which gives the TUN its new MTU.
#pragma once

#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// `packet` is for one of our own addresses and about to be punted; only ICMP is looked into.
void note_path_mtu(Context& context, const Packet& packet);

}  // namespace detour::node
