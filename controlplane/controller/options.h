// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the one configuration to what each island is told: the islands know conf/types only, and
// this is where their words meet the configuration's. Peers are numbered in the order of the file,
// and keep their numbers when another configuration takes its place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/decision/evidence.h"
#include "controlplane/decision/options.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

// TCP MD5 keys by uplink, read by whoever may read files.
using Passwords = std::map<UplinkId, std::string>;

// The islands' figures, from the one table that has them: every one that depends on the profile.
[[nodiscard]] decision::Thresholds thresholds(const model::Timing& timing);
[[nodiscard]] probe::Schedule schedule(const model::Timing& timing);

// The BGP peers by PeerId. One that is not configured any more keeps its row, so that what is said
// of its end can still be read; its number is never used again.
class PeerBook {
 public:
    struct Row {
        std::string uplink;
        Address peer;
        std::optional<UplinkId> id;  // of the uplink; nothing: not configured any more
    };

    PeerBook() = default;
    explicit PeerBook(const model::Config& config, const PeerBook& before = {});

    [[nodiscard]] const Row& operator[](bgp::PeerId peer) const { return rows_.at(peer.value); }
    // Of those that are configured.
    [[nodiscard]] bgp::PeerId number(const std::string& uplink, const Address& peer) const;
    [[nodiscard]] std::vector<bgp::PeerId> peers() const;
    [[nodiscard]] std::vector<bgp::PeerId> peers_of(UplinkId uplink) const;

 private:
    std::vector<Row> rows_;
};

[[nodiscard]] bgp::SpeakerConfig speaker_config(const model::Config& config,
                                                const Passwords& passwords, const PeerBook& peers);
// The first configuration of a process.
[[nodiscard]] inline bgp::SpeakerConfig speaker_config(const model::Config& config,
                                                       const Passwords& passwords) {
    return speaker_config(config, passwords, PeerBook(config));
}
[[nodiscard]] probe::Options probe_options(const model::Config& config, std::uint64_t seed);
[[nodiscard]] decision::Options decision_options(const model::Config& config);

// The configuration's one list of communities as the two of the wire.
void append(const std::vector<model::Community>& communities, std::vector<bgp::Community>& standard,
            std::vector<bgp::LargeCommunity>& large);

// The set's prefixes of the block's family.
[[nodiscard]] std::vector<Prefix> prefixes_of(const model::Config& config,
                                              const decision::Block& block);

// Whether a path learned from `uplink`, or what the configuration says of it, leads through the AS.
[[nodiscard]] bool is_upstream(const model::Uplink& uplink, AsNumber asn);

}  // namespace detour::controller
