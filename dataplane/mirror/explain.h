// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The way of one packet through `ip rule` and the tables, step by step, for a person: which rules
// it meets, what each table says, and where the search ends. It walks the copy of the kernel's
// state itself, as the kernel would, and not what was compiled from it: that the two agree is
// something the trace command can show. Pure; not for the packet path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/devices.h"
#include "dataplane/mirror/kernel_state.h"

namespace detour::mirror {

enum class Outcome : std::uint8_t {
    no_route,    // the table has no route there, or does not exist
    suppressed,  // a route, but one that this rule does not take
    thrown,      // a "throw" route: on with the rules
    answer,      // the search ends here
};

struct Asked {
    std::uint32_t priority = 0;  // of the rule
    std::string rule;            // as `ip rule` writes it, without the priority
    TableId table;               // 0: the rule itself is the answer
    std::string route;           // what was found there, as `ip route` writes it; empty if nothing
    Outcome outcome = Outcome::no_route;
};

struct Explanation {
    // The rules that apply to the packet, in their order, up to the answer.
    std::vector<Asked> steps;
    // Where the answer leads now: one next hop, or the members of a group.
    std::vector<fib::Adjacency> next_hops;
};

// Both addresses of one family, `input` the interface of a port or tunnel.
[[nodiscard]] Explanation explain(const KernelState& kernel, const Devices& devices,
                                  InterfaceIndex input, const Address& source,
                                  const Address& destination);

[[nodiscard]] std::string_view to_string(Outcome outcome);

}  // namespace detour::mirror
