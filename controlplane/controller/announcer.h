// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From the decision's wishes about (uplink, block) to changes of what the speaker announces to its
// peers, and from the speaker's progress to the acknowledgements that the decision waits for. A
// wish on an uplink goes to each of its peers; it is
//     sent  when every established peer that carries the family was written it,
//     done  when each of their TCPs has acknowledged it. An announcement needs at least one such
//     peer, and
//           waits for one; a withdrawal that no peer has to hear of is done at once.
// A newer wish for the same (uplink, block) replaces the one before, whose ticket is then never
// answered.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "conf/model/config.h"
#include "conf/types/renumbering.h"
#include "controlplane/bgp/speaker.h"
#include "controlplane/controller/options.h"
#include "controlplane/decision/action.h"

namespace detour::controller {

class Announcer {
 public:
    // `config` outlives it.
    explicit Announcer(const model::Config& config) : Announcer(config, PeerBook(config)) {}
    Announcer(const model::Config& config, const PeerBook& peers);

    // The configuration has changed its content. Wishes of what stays stand; tickets are not
    // answered any more. Gives the sets for every peer: what is declared may have changed.
    [[nodiscard]] std::vector<bgp::Announce> reconfigure(const PeerBook& peers,
                                                         const Renumbering& ids);
    // What stands, for a speaker that was told of its peers only now.
    [[nodiscard]] std::vector<bgp::Announce> everything() const;

    // The changes to give the speaker now, one a peer of the uplink.
    [[nodiscard]] std::vector<bgp::ChangeAnnouncements> wish(decision::ActionId ticket,
                                                             const decision::SetAnnouncement& wish);

    // What has become true since the last call, given the speaker's state.
    [[nodiscard]] std::vector<decision::Acknowledgement> settled(const bgp::Speaker& speaker);

    [[nodiscard]] const std::vector<bgp::PeerId>& peers_of(UplinkId uplink) const;

 private:
    using Place = std::pair<UplinkId, decision::Block>;

    void enter(const PeerBook& peers);
    [[nodiscard]] bgp::AnnouncementSet wanted(UplinkId uplink) const;

    struct Pending {
        decision::ActionId ticket;
        bool is_withdrawal = false;
        bool is_sent = false;
    };

    [[nodiscard]] std::vector<bgp::PeerId> hearing(const Place& place,
                                                   const bgp::Speaker& speaker) const;
    [[nodiscard]] bgp::Progress progress(const Place& place, const Pending& pending,
                                         const bgp::Speaker& speaker) const;

    const model::Config& config_;
    std::map<UplinkId, std::vector<bgp::PeerId>> peers_;
    std::map<Place, decision::Announcement> wishes_;
    std::map<Place, Pending> pending_;
};

}  // namespace detour::controller
