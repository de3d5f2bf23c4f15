// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/rib/adj_rib_in.h"

#include <algorithm>

namespace detour::bgp {

AdjRibIn::Effect AdjRibIn::replace(const Prefix& prefix, Route route) {
    const std::size_t family = index(prefix.family());
    auto [slot, is_new] = routes_.try_emplace(prefix);
    Route& current = slot->second;
    const bool was_accepted = !is_new && current.refusal == Refusal::none;
    const bool is_accepted = route.refusal == Refusal::none;
    const bool is_same =
        was_accepted && is_accepted &&
        (current.attributes == route.attributes || *current.attributes == *route.attributes);
    counts_[family] += is_new ? 1U : 0U;
    accepted_[family] += is_accepted ? 1U : 0U;
    accepted_[family] -= was_accepted ? 1U : 0U;
    current = std::move(route);
    if (is_accepted)
        return is_same ? Effect::nothing : Effect::learned;
    return was_accepted ? Effect::withdrawn : Effect::nothing;
}

AdjRibIn::Effect AdjRibIn::withdraw(const Prefix& prefix) {
    const auto slot = routes_.find(prefix);
    if (slot == routes_.end())
        return Effect::nothing;
    const bool was_accepted = slot->second.refusal == Refusal::none;
    counts_[index(prefix.family())] -= 1;
    accepted_[index(prefix.family())] -= was_accepted ? 1U : 0U;
    routes_.erase(slot);
    return was_accepted ? Effect::withdrawn : Effect::nothing;
}

std::vector<Prefix> AdjRibIn::clear() {
    std::vector<Prefix> accepted;
    for (const auto& [prefix, route] : routes_)
        if (route.refusal == Refusal::none)
            accepted.push_back(prefix);
    std::ranges::sort(accepted);
    routes_.clear();
    counts_ = {};
    accepted_ = {};
    return accepted;
}

}  // namespace detour::bgp
