// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the fast path would do with a packet, in words: the same lookups in the same order as the
// workers', for the trace command, telemetry and tests. Not for the packet path.
#pragma once

#include <cstdint>
#include <string>

#include "conf/types/address.h"
#include "dataplane/fib/forwarding_state.h"

namespace detour::fib {

// Which lookup answered.
enum class Lookup : std::uint8_t { destination, source, fallback, none };

struct Decision {
    Lookup lookup = Lookup::none;
    LeafIndex leaf = no_leaf;
    Leaf meaning;  // adjacency 0 (punt no-route) when nothing answered
};

// Both addresses of one family; `ingress` is one of the state's ports or tunnels.
[[nodiscard]] Decision decide(const ForwardingState& state, const Ingress& ingress,
                              const Address& source, const Address& destination);

// "punt local", "drop port-down", "forward port 1 to 02:00:5e:00:53:01 mtu 1500", "tunnel 0 port 2
// to ... mtu 1476", "group of 2: [...] [...]" (equal members once, with their count).
[[nodiscard]] std::string describe(const ForwardingState& state, const Adjacency& adjacency);
// "by source, leaf 3, set 1: forward ..."
[[nodiscard]] std::string describe(const ForwardingState& state, const Decision& decision);

}  // namespace detour::fib
