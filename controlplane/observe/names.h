// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Names for ids: JSON and people read "provider", not 0. A reader of the journal years later has no
// configuration to look an index up in.
#pragma once

#include <string>
#include <utility>

#include "conf/model/config.h"
#include "controlplane/controller/options.h"
#include "controlplane/controller/view.h"

namespace detour::observe {

class Names {
 public:
    // `config` must outlive the names. `peers`: where numbers were given before.
    explicit Names(const model::Config& config) : Names(config, controller::PeerBook(config)) {}
    Names(const model::Config& config, controller::PeerBook peers)
        : config_(config), peers_(std::move(peers)) {}

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
    // Also of a peer that is not configured any more.
    [[nodiscard]] const std::string& uplink_of(bgp::PeerId peer) const {
        return peers_[peer].uplink;
    }
    [[nodiscard]] const Address& peer(bgp::PeerId peer) const { return peers_[peer].peer; }
    [[nodiscard]] const model::Config& config() const { return config_; }

 private:
    const model::Config& config_;
    controller::PeerBook peers_;
};

}  // namespace detour::observe
