// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Between the words of the islands: they never include each other, so what one says is handed to
// the other here.
#pragma once

#include <map>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/bgp/speaker.h"
#include "controlplane/decision/action.h"
#include "controlplane/decision/evidence.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

[[nodiscard]] decision::ProbeOutcome to_evidence(const probe::Outcome& outcome);
[[nodiscard]] decision::PathMtu to_evidence(const probe::PathMtu& found);
[[nodiscard]] probe::Level to_level(decision::Watch watch);

// Of an uplink's sessions for one family: established if any of them carries it; restarting if none
// does and routes are kept meanwhile, a neighbour's here or ours there; refused if one said no for
// good.
[[nodiscard]] decision::SessionState session_state(const bgp::Speaker& speaker,
                                                   const std::vector<bgp::PeerId>& peers,
                                                   Family family);

// How full each uplink with a `limit` is, from two readings of the counters.
class PortLoads {
 public:
    [[nodiscard]] std::vector<decision::PortLoad> measure(
        Instant now, const std::vector<decision::Counters>& counters, const model::Config& config);

 private:
    struct Reading {
        Instant at;
        std::uint64_t bytes = 0;
    };
    std::map<UplinkId, Reading> last_;
};

}  // namespace detour::controller
