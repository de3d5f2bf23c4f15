// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a node may use while it works on a burst: the forwarding state of this burst, and the nodes
// where packets end. One a worker.
#pragma once

#include <cstdint>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/drop.h"
#include "dataplane/node/punt.h"
#include "dataplane/node/transmit.h"
#include "dataplane/node/tunnel_finder.h"
#include "dataplane/node/vector.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/reassembly.h"

namespace detour::node {

struct Context {
    const fib::ForwardingState* state;  // of this burst; never null while packets are worked on
    std::uint64_t now;                  // of this burst, nanoseconds of a monotonic clock
    std::uint16_t identification;       // of the next outer IPv4 header
    packet::Reassembly* fragments;      // null: no tunnel wants any
    const TunnelFinder& tunnels;
    Counters& counters;
    DropNode& drops;
    PuntNode& punts;
    TransmitNode& out;

    void drop(const Packet& packet, packet::Drop reason) { drops.drop(packet.mbuf, reason); }
    void punt(const Packet& packet, packet::Punt reason) {
        punts.punt(packet, reason, now, state->peers);
    }
    // Ends a packet that a validator did not find ok.
    void finish(const Packet& packet, packet::Finding finding) {
        if (finding.is_drop())
            drop(packet, finding.drop());
        else
            punt(packet, finding.punt());
    }
};

}  // namespace detour::node
