// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What neighbours tell us about our own space: a prefix of ours, or one inside it, that comes back
// with a foreign origin (neither ours nor one of the set's other-origins), or with the BLACKHOLE
// community (RFC 7999). Evidence for whoever judges, never a verdict: a provider may tell of its
// own discards so, a stranger of what is not his. A less specific route (a provider's aggregate) is
// ordinary.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "conf/model/config.h"
#include "conf/types/renumbering.h"
#include "controlplane/bgp/events.h"
#include "controlplane/controller/options.h"
#include "controlplane/decision/evidence.h"

namespace detour::controller {

class OwnSpace {
 public:
    // `config` outlives it.
    explicit OwnSpace(const model::Config& config) : config_(config) {}

    void note(const bgp::RoutesLearned& routes);
    void note(const bgp::RoutesWithdrawn& routes);
    // The configuration has changed its content.
    void renumber(const Renumbering& ids);

    // What has changed since the last call, one piece of evidence for each block, and for each
    // uplink and block.
    [[nodiscard]] std::vector<decision::Evidence> news(const PeerBook& peers);

 private:
    struct Sighting {
        bool is_blackhole = false;
        std::optional<AsNumber> origin;
    };
    struct Told {
        std::map<decision::Block, AsNumber> foreign;  // origins that are not ours
        std::map<std::pair<UplinkId, decision::Block>, Prefix> blackholes;
    };

    [[nodiscard]] const model::PrefixSet* set_of(const Prefix& prefix) const;
    [[nodiscard]] bool is_foreign(const model::PrefixSet& set, AsNumber origin) const;
    [[nodiscard]] Told standing(const PeerBook& peers) const;

    const model::Config& config_;
    std::map<std::pair<bgp::PeerId, Prefix>, Sighting> sightings_;
    Told told_;
    bool is_stale_ = false;
};

}  // namespace detour::controller
