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
    stale_[family] -= current.is_stale ? 1U : 0U;
    stale_[family] += route.is_stale ? 1U : 0U;
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
    stale_[index(prefix.family())] -= slot->second.is_stale ? 1U : 0U;
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
    stale_ = {};
    return accepted;
}

void AdjRibIn::mark_stale(Family family) {
    for (auto& [prefix, route] : routes_)
        if (prefix.family() == family)
            route.is_stale = true;
    stale_[index(family)] = counts_[index(family)];
}

std::vector<Prefix> AdjRibIn::sweep(Family family) {
    std::vector<Prefix> accepted;
    if (stale_count(family) == 0)
        return accepted;
    for (auto slot = routes_.begin(); slot != routes_.end();) {
        const auto& [prefix, route] = *slot;
        if (prefix.family() != family || !route.is_stale) {
            ++slot;
            continue;
        }
        if (route.refusal == Refusal::none)
            accepted.push_back(prefix);
        slot = routes_.erase(slot);
    }
    counts_[index(family)] -= stale_[index(family)];
    accepted_[index(family)] -= accepted.size();
    stale_[index(family)] = 0;
    std::ranges::sort(accepted);
    return accepted;
}

const AdjRibIn::Entry* AdjRibIn::find(const Prefix& prefix) const {
    const auto found = routes_.find(prefix);
    return found == routes_.end() ? nullptr : &*found;
}

const AdjRibIn::Entry* AdjRibIn::longest_match(const Address& address) const {
    if (accepted_count(address.family()) == 0)
        return nullptr;
    for (int length = bit_count(address.family()); length >= 0; --length)
        if (const Entry* entry = find(Prefix(address, static_cast<std::uint8_t>(length)));
            entry && entry->second.refusal == Refusal::none)
            return entry;
    return nullptr;
}

AdjRibIn::Changes AdjRibIn::judge_again(const Judge& judge) {
    Changes changes;
    for (auto& [prefix, route] : routes_) {
        const Judgement now = judge(prefix, *route.attributes);
        const bool was_accepted = route.refusal == Refusal::none;
        const bool is_accepted = now.refusal == Refusal::none;
        route.refusal = now.refusal;
        route.rule = now.rule;
        if (was_accepted == is_accepted)
            continue;
        (is_accepted ? changes.learned : changes.withdrawn).push_back(prefix);
        accepted_[index(prefix.family())] += is_accepted ? 1U : 0U;
        accepted_[index(prefix.family())] -= was_accepted ? 1U : 0U;
    }
    std::ranges::sort(changes.learned);
    std::ranges::sort(changes.withdrawn);
    return changes;
}

}  // namespace detour::bgp
