// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/upkeep.h"

#include <linux/neighbour.h>

namespace detour::mirror {

namespace {

constexpr Duration pause = std::chrono::seconds(1);

bool can_resolve(const KernelState& kernel, InterfaceIndex device) {
    const Link* link = kernel.links().find(device);
    return link != nullptr && link->is_up && link->has_carrier;
}

}  // namespace

bool NeighbourUpkeep::may_ask(Instant now, const NeighbourKey& key) {
    const auto [at, is_first] = asked_.try_emplace(key, now);
    if (!is_first && now - at->second < pause)
        return false;
    at->second = now;
    return true;
}

NeighbourUpkeep::Wishes NeighbourUpkeep::wishes(
    Instant now, const std::map<NeighbourKey, NeighbourUse>& uses, const KernelState& kernel,
    const std::function<bool(std::uint16_t)>& was_used) {
    Wishes result;
    for (const auto& [key, use] : uses) {
        if (!can_resolve(kernel, key.interface))
            continue;
        const Neighbour* neighbour = kernel.neighbours().find(key);
        if (neighbour != nullptr && (neighbour->state & (NUD_PERMANENT | NUD_NOARP)) != 0)
            continue;
        if (use.is_gateway) {
            const bool is_kept = neighbour != nullptr && neighbour->is_managed;
            // The kernel looks again for a managed one that failed, but not within a second.
            const bool is_urgent =
                use.is_tunnel_end && neighbour != nullptr && (neighbour->state & NUD_FAILED) != 0;
            if ((!is_kept || is_urgent) && may_ask(now, key)) {
                result.emplace_back(
                    key, neighbour == nullptr ? NeighbourWish::discover : NeighbourWish::manage);
                managed_[key] = true;
            }
        } else if (neighbour != nullptr && (neighbour->state & NUD_STALE) != 0 &&
                   !neighbour->is_managed && use.adjacency != 0 && was_used &&
                   was_used(use.adjacency) && may_ask(now, key)) {
            result.emplace_back(key, NeighbourWish::use);
        }
    }
    // What was a gateway and is none any more may grow old like any other.
    std::erase_if(managed_, [&](const auto& item) {
        const auto use = uses.find(item.first);
        if (use != uses.end() && use->second.is_gateway)
            return false;
        const Neighbour* neighbour = kernel.neighbours().find(item.first);
        if (neighbour != nullptr && neighbour->is_managed)
            result.emplace_back(item.first, NeighbourWish::use);
        return true;
    });
    std::erase_if(asked_, [&](const auto& item) { return now - item.second >= pause; });
    return result;
}

}  // namespace detour::mirror
