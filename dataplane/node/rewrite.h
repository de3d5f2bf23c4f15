// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Packets that leave as they came, one hop older: TTL or hop limit, MTU, the Ethernet header of the
// next hop.
#pragma once

#include "conf/types/address.h"
#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

// The packets of `lane` that route selected for forwarding.
void rewrite(Context& context, Family family, Lane& lane, const Selection& selection);

}  // namespace detour::node
