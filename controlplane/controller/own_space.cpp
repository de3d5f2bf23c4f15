// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/own_space.h"

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::controller {

void OwnSpace::note(const bgp::RoutesLearned& routes) {
    for (const Prefix& prefix : routes.prefixes) {
        if (set_of(prefix) == nullptr)
            continue;
        const auto& communities = routes.attributes->communities;
        sightings_[{routes.peer, prefix}] = {
            .is_blackhole = std::ranges::find(communities, bgp::blackhole) != communities.end(),
            .origin = routes.attributes->as_path.origin()};
        is_stale_ = true;
    }
}

void OwnSpace::note(const bgp::RoutesWithdrawn& routes) {
    if (sightings_.empty())
        return;
    for (const Prefix& prefix : routes.prefixes)
        is_stale_ |= sightings_.erase({routes.peer, prefix}) != 0;
}

void OwnSpace::renumber(const Renumbering& ids) {
    const Told before = std::exchange(told_, {});
    for (const auto& [block, origin] : before.foreign)
        if (const auto set = ids(block.set))
            told_.foreign[{*set, block.family}] = origin;
    for (const auto& [place, prefix] : before.blackholes) {
        const auto uplink = ids(place.first);
        const auto set = ids(place.second.set);
        if (uplink && set)
            told_.blackholes[{*uplink, {*set, place.second.family}}] = prefix;
    }
    is_stale_ = true;
}

// The set that has the prefix or one that contains it.
const model::PrefixSet* OwnSpace::set_of(const Prefix& prefix) const {
    for (const model::PrefixSet& set : config_.prefix_sets)
        for (const Prefix& ours : set.prefixes)
            if (ours.contains(prefix))
                return &set;
    return nullptr;
}

bool OwnSpace::is_foreign(const model::PrefixSet& set, AsNumber origin) const {
    return origin != config_.router.asn &&
           std::ranges::find(set.other_origins, origin) == set.other_origins.end();
}

OwnSpace::Told OwnSpace::standing(const PeerBook& peers) const {
    Told told;
    for (const auto& [where, sighting] : sightings_) {
        const auto& [peer, prefix] = where;
        const model::PrefixSet* set = set_of(prefix);
        const auto uplink = peers[peer].id;
        if (set == nullptr || !uplink)
            continue;
        const decision::Block block{set->id, prefix.family()};
        // Who tells of a blackhole originates it: that is no claim to the block.
        if (sighting.is_blackhole)
            told.blackholes.try_emplace({*uplink, block}, prefix);
        else if (sighting.origin && is_foreign(*set, *sighting.origin))
            told.foreign.try_emplace(block, *sighting.origin);
    }
    return told;
}

std::vector<decision::Evidence> OwnSpace::news(const PeerBook& peers) {
    if (!is_stale_)
        return {};
    is_stale_ = false;
    const Told now = standing(peers);
    using State = decision::OriginState::State;
    std::vector<decision::Evidence> news;
    for (const auto& [block, origin] : now.foreign)
        if (const auto known = told_.foreign.find(block);
            known == told_.foreign.end() || known->second != origin)
            news.emplace_back(decision::OriginState{block, State::foreign_origin, origin});
    for (const auto& [block, origin] : told_.foreign)
        if (!now.foreign.contains(block))
            news.emplace_back(decision::OriginState{block, State::fine, AsNumber{}});
    for (const auto& [place, prefix] : now.blackholes)
        if (!told_.blackholes.contains(place))
            news.emplace_back(decision::BlackholeTold{
                place.first, place.second, decision::BlackholeTold::State::told, prefix});
    for (const auto& [place, prefix] : told_.blackholes)
        if (!now.blackholes.contains(place))
            news.emplace_back(decision::BlackholeTold{
                place.first, place.second, decision::BlackholeTold::State::withdrawn, prefix});
    told_ = now;
    return news;
}

}  // namespace detour::controller
