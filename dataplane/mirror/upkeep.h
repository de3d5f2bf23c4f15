// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Keeping neighbours resolved that only the fast path sends to: the kernel sees none of those
// packets and would let the entries grow old (design.md 2.4). Gateways, and the next hop of a
// tunnel's far end, are managed by the kernel on our wish; hosts on a LAN are reported as used
// while they are. Pure: says what to ask of the kernel, and asks each thing at most once a second.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "conf/types/duration.h"
#include "dataplane/mirror/compile.h"
#include "dataplane/mirror/kernel_state.h"
#include "dataplane/mirror/netlink.h"

namespace detour::mirror {

class NeighbourUpkeep {
 public:
    using Wishes = std::vector<std::pair<NeighbourKey, NeighbourWish>>;

    // Call after each compile, and once a second; `was_used` may be empty.
    [[nodiscard]] Wishes wishes(Instant now, const std::map<NeighbourKey, NeighbourUse>& uses,
                                const KernelState& kernel,
                                const std::function<bool(std::uint16_t)>& was_used);

 private:
    [[nodiscard]] bool may_ask(Instant now, const NeighbourKey& key);

    std::map<NeighbourKey, Instant> asked_;  // last
    std::map<NeighbourKey, bool> managed_;   // on our wish
};

}  // namespace detour::mirror
