// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What is true now, as one value: published by the event loop, read by everybody else.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/decision/decider.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

struct UplinkView {
    UplinkId id;
    decision::Presence link = decision::Presence::down;
    Instant link_since;
    std::vector<bgp::PeerView> peers;
    std::uint16_t mtu = 0;                                    // that it should carry
    std::array<std::optional<std::uint16_t>, 2> path_mtus{};  // measured, by Family
    std::vector<UplinkId> shares_fate_with;  // whose AS its paths, or its upstreams, lead through
};

struct View {
    Instant at;
    Instant started;
    std::vector<UplinkView> uplinks;
    decision::Views decision;
    probe::Load probes;
    decision::Telemetry telemetry = decision::Telemetry::lost;
    Instant telemetry_since;
};

}  // namespace detour::controller
