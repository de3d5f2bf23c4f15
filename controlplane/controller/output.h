// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the controller wants done, in order. Those with a ticket are answered by Done.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/bgp/events.h"
#include "controlplane/controller/record.h"
#include "controlplane/decision/action.h"
#include "controlplane/decision/state.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

// For BGP's transport: Listen, StopListening, Connect, Send or Close.
using TransportOrder = bgp::Output;

struct SendProbe {
    probe::Send probe;
};

// Where each block leaves, completely; what is missing is isolated. Inbound packets of a block are
// accepted from every uplink at all times. Done when it stands for `block`, the one that changed.
struct Forward {
    decision::ActionId ticket;
    decision::Block block;
    std::map<decision::Block, UplinkId> egress;
};

// To be on the disk before any output behind it is carried out.
struct Persist {
    decision::ActionId ticket;
    decision::State state;
};

// Read the forwarding counters so often from now on.
struct ReadCounters {
    Duration every{};
};

struct CommandAnswer {
    std::uint64_t number = 0;  // of the Command
    enum class Verdict : std::uint8_t { accepted, refused } verdict = Verdict::accepted;
    decision::Explanation why;  // the step that was begun, or what stands in the way
    std::uint64_t record = 0;   // of the Command in the journal
    enum class Effect : std::uint8_t { nothing, begun } effect = Effect::nothing;
};

using Output =
    std::variant<TransportOrder, SendProbe, Forward, Persist, ReadCounters, CommandAnswer, Record>;
using Outputs = std::vector<Output>;

}  // namespace detour::controller
