// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Reverse path forwarding (RFC 3704), as Linux's rp_filter has it: would an answer to this packet
// find a way (loose), and would it leave by the port that the packet came in by (strict)? Asked is
// what the box would ask for a packet of its own from this destination to this source, so that the
// rules by source count, too. A default route is a way; a blackhole, an unreachable and a
// prohibited one are none, which is how a source is blackholed (RFC 5635).
#pragma once

#include <cstdint>

#include "conf/types/ids.h"
#include "dataplane/fib/forwarding_state.h"

namespace detour::fib {

// Addresses as they lie in the header, both of `family`; the port has a source check.
[[nodiscard]] bool is_source_valid(const ForwardingState& state, PortId port, Family family,
                                   const std::uint8_t* source, const std::uint8_t* destination);

}  // namespace detour::fib
