// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the controller hears. Everything that happens to detourd becomes one of these, with the time
// it is handed in with; what a room behind a socket knows (interface indices, JSON, file
// descriptors) is translated before.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "controlplane/bgp/events.h"
#include "controlplane/decision/evidence.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

// Time has passed; call at next_deadline().
struct Tick {};

// The first input, once everything that outputs need is open.
struct Start {};

// The clean stop: every session ends with Cease, and the last state is asked to be written.
struct Stop {};

// From the transport of BGP, in the island's own words.
using Transport = bgp::Input;

// To one of our addresses: an ICMP echo reply or error, or a TCP segment or UDP datagram to a port
// of the prober's. `arrival`: the uplink whose device it came in by; nothing when it was another
// interface.
struct ProbeReply {
    probe::Kind kind = probe::Kind::icmp;
    std::optional<UplinkId> arrival;
    Address source;
    Address destination;
    std::span<const std::uint8_t> message;  // read during the call only
};

// A SendProbe could not be carried out.
struct ProbeNotSent {
    probe::ProbeId probe;
};

// The kernel's link behind the uplink: usable means up, with carrier, and its routes written.
struct UplinkLink {
    UplinkId uplink;
    decision::Presence state = decision::Presence::up;
};

// A Forward or a Persist that this answers by its ticket was carried out, or will not be.
struct Done {
    decision::ActionId ticket;
    decision::Acknowledgement::Fact fact = decision::Acknowledgement::Fact::done;
};

// What the forwarding counters say now; nothing: the data plane did not answer.
struct CountersRead {
    std::optional<std::vector<decision::Counters>> counters;
};

// The wall clock moved against the monotonic one.
struct ClockStepped {};
// The loop ran so long after it should have.
struct SchedulingGap {
    Duration length{};
};

// An operator's word; `number` comes back in the CommandAnswer.
struct Command {
    using Deed =
        std::variant<decision::OperatorMove, decision::OperatorFailback, decision::OperatorAbort,
                     decision::OperatorMode, decision::OperatorFreeze>;

    std::uint64_t number = 0;
    std::string actor;
    std::string reason;
    Deed deed;
};

// An operator wants a session's routes again (soft), or the session anew (hard).
struct ClearSession {
    enum class Kind : std::uint8_t { soft, hard };

    bgp::PeerId peer;
    Kind kind = Kind::soft;
    std::string actor;
    std::string reason;
};

using Input = std::variant<Tick, Start, Stop, Transport, ProbeReply, ProbeNotSent, UplinkLink, Done,
                           CountersRead, ClockStepped, SchedulingGap, Command, ClearSession>;

}  // namespace detour::controller
