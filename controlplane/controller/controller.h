// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The control plane's middle: the islands (bgp, probe, decision) wired together, still without a
// socket, a clock or a thread. Whatever happened goes in with the time, what to do about it comes
// out, in order:
//
//     handle(now, input) -> outputs       next_deadline() -> when a Tick is due
//
//     transport, ICMP, links, counters, commands
//         |                                         evidence
//         +--> bgp::Speaker ----- sessions, progress -----+
//         +--> probe::Prober ---- outcomes ---------------+--> decision::Decider --> actions
//         +--> commands, facts ---------------------------+         |
//                 ^                                                 |
//                 +------ announcements, watches, forwarding -------+
//
// Each piece of evidence and each action becomes a Record with its causes. The simulator runs this
// very class. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/bgp/speaker.h"
#include "controlplane/controller/announcer.h"
#include "controlplane/controller/input.h"
#include "controlplane/controller/options.h"
#include "controlplane/controller/output.h"
#include "controlplane/controller/view.h"
#include "controlplane/decision/decider.h"
#include "controlplane/probe/prober.h"

namespace detour::controller {

// What the controller finds when it is born.
struct Beginning {
    Instant at;
    std::uint64_t next_record = 1;  // the journal's last number + 1
    std::uint64_t seed = 1;         // of probing and of BGP's jitter
    std::optional<decision::State> state;
    Duration state_age{};  // by the wall clock
    Passwords passwords;
};

class Controller {
 public:
    Controller(const model::Config& config, Beginning beginning);
    ~Controller();
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    [[nodiscard]] Outputs handle(Instant now, const Input& input);
    // Another configuration in the place of the one it has (model::keep_places), whole and at once:
    // a session whose terms did not change stays, what is announced stays announced, moves go on.
    // Ids in inputs and outputs are those of the new one from here on.
    [[nodiscard]] Outputs reconfigure(Instant now, const model::Config& config, Passwords passwords,
                                      Reconfigured why);
    // Where each block leaves.
    [[nodiscard]] const std::map<decision::Block, UplinkId>& egress() const;
    // By PeerId, for whoever gives names to records.
    [[nodiscard]] const PeerBook& peers() const;
    // To be asked for routes.
    [[nodiscard]] const bgp::Speaker& speaker() const;
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] View view(Instant now) const;

 private:
    struct Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace detour::controller
