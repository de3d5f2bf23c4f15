// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One row of the journal as values: every input that the brain was given and every action it took,
// numbered, with the numbers of what caused it. `detour why` walks these; a replay feeds the
// evidence again. Rendering to text is observe's.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "conf/types/duration.h"
#include "controlplane/bgp/events.h"
#include "controlplane/controller/input.h"
#include "controlplane/decision/action.h"
#include "controlplane/decision/evidence.h"

namespace detour::controller {

// detourd began to act; the state on disk was this old.
struct Started {
    bool has_state = false;
    Duration state_age{};
};

// Another configuration is in force.
struct Reconfigured {
    std::uint64_t revision = 0;
    std::string kind;  // "reload", "apply", "rollback"
    std::string actor;
    std::string reason;
    std::vector<std::string> changes;  // a line each
};

// A walk came to its end: who answered on the way from `source` to `target`.
struct Localised {
    enum class From : std::uint8_t { block, control_source };
    UplinkId uplink;  // it left by
    decision::Block block;
    From from = From::block;
    Address source;
    Address target;
    std::vector<probe::Hop> hops;
};

using RecordBody = std::variant<Started, Localised, Reconfigured, decision::Evidence,
                                decision::Action, bgp::StateChanged, bgp::Remark, Command>;

struct Record {
    std::uint64_t number = 0;
    Instant at;
    std::vector<std::uint64_t> causes;  // numbers of earlier records
    RecordBody body;
};

}  // namespace detour::controller
