// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a packet is called whose source is in ForwardingState::own: it claims to be us, or to come
// from a link's broadcast address, which is a martian like any other. Internal to the room.
#pragma once

#include "dataplane/node/context.h"
#include "dataplane/packet/ipv4.h"

namespace detour::node {

[[nodiscard]] inline packet::Drop own_source_reason(const Context& context,
                                                    const packet::Ipv4Header& header) {
    return context.state->broadcasts.has_ipv4(header.source.raw()) ? packet::Drop::martian_source
                                                                   : packet::Drop::own_source;
}

}  // namespace detour::node
