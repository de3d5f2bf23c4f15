// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Names for ids: JSON and people read "provider", not 0. A reader of the journal years later has no
// configuration to look an index up in.
#pragma once

#include <string>

#include "conf/model/config.h"
#include "controlplane/controller/options.h"
#include "controlplane/controller/view.h"

namespace detour::observe {

class Names {
 public:
    // `config` must outlive the names.
    explicit Names(const model::Config& config)
        : config_(config), uplinks_(controller::uplinks_of_peers(config)) {
        for (const model::Uplink& uplink : config.uplinks)
            if (uplink.bgp)
                peers_.insert(peers_.end(), uplink.bgp->peers.begin(), uplink.bgp->peers.end());
    }

    [[nodiscard]] std::string operator()(UplinkId id) const { return config_.uplink(id).name; }
    [[nodiscard]] std::string operator()(PrefixSetId id) const {
        return config_.prefix_set(id).name;
    }
    [[nodiscard]] std::string operator()(TargetId id) const {
        return config_.detect.targets.at(id.value).address.to_string();
    }
    // "web/ipv6"
    [[nodiscard]] std::string operator()(const decision::Block& block) const {
        return (*this)(block.set) + "/" + std::string(to_string(block.family));
    }
    [[nodiscard]] UplinkId uplink_of(bgp::PeerId peer) const { return uplinks_.at(peer.value); }
    [[nodiscard]] const Address& peer(bgp::PeerId peer) const { return peers_.at(peer.value); }
    [[nodiscard]] const model::Config& config() const { return config_; }

 private:
    const model::Config& config_;
    std::vector<UplinkId> uplinks_;  // by PeerId
    std::vector<Address> peers_;     // by PeerId
};

}  // namespace detour::observe
