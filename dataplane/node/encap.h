// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Packets that leave inside a tunnel: TTL or hop limit, MTU, and the tunnel's headers before them,
// one copy of the template (packet/gre.h).
#pragma once

#include "conf/types/address.h"
#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// The packets of `lane` that route selected for a tunnel.
void encap(Context& context, Family family, Lane& lane, const Selection& selection);

// A packet that the kernel itself sends into `tunnel`: encapsulated only. Never punted, whatever is
// wrong with it.
void encap_injected(Context& context, fib::TunnelIndex tunnel, rte_mbuf* mbuf);

}  // namespace detour::node
