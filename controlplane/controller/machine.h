// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Inside of the controller; internal to controlplane/controller. One file for each question:
//   controller.cpp   the public face
//   wiring.cpp       what one island says is handed to the others; evidence in, actions out
//   inputs.cpp       what happened outside
//   reconfigure.cpp  another configuration takes the place of this one
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "controlplane/controller/controller.h"
#include "controlplane/controller/localiser.h"
#include "controlplane/controller/own_space.h"
#include "controlplane/controller/translate.h"

namespace detour::controller {

// How often forwarding counters are read when nothing is suspected: often enough for the
// conservation checks of a move (detection.md section 4: 3 s), seldom enough to be free.
inline constexpr Duration idle_counters = std::chrono::seconds(1);

struct Controller::Machine {
    Machine(const model::Config& configuration, Beginning beginning);

    // wiring.cpp
    void feed_speaker(Instant now, const bgp::Input& input);
    void take(Instant now, bgp::Outputs bgp_outputs);
    void on_session(bgp::StateChanged& changed, Instant now);
    template <class Routes>
    void note_routes(const Routes& routes);
    void feed_prober(Instant now, const probe::Input& input);
    // Everything that waits goes to the decision, and what that causes, until nothing waits.
    void settle(Instant now);
    // The record of the evidence, or 0 when it was a Tick that led to nothing.
    std::uint64_t decide(Instant now, const decision::Evidence& evidence,
                         std::vector<std::uint64_t> causes);
    void carry_out(Instant now, const std::vector<decision::Action>& actions);
    void perform(Instant now, const decision::Action& action);
    // A peer that restarts keeps its routes here as long as the way through it carries packets.
    void judge_forwarding(Instant now, UplinkId uplink, bgp::ForwardingJudged::Verdict verdict);
    void watch(Instant now, const decision::SetWatch& deed);
    void record(Instant now, RecordBody body, std::vector<std::uint64_t> causes);
    void refresh_sessions();
    void refresh_fates();
    [[nodiscard]] probe::Usability usability(UplinkId uplink) const;

    // reconfigure.cpp
    void reconfigure(Instant now, const model::Config& next, Passwords keys, Reconfigured why);
    // Everything that is kept by an id.
    void renumber(Instant now, const Renumbering& ids);

    // inputs.cpp
    void on(Instant now, const Tick&);
    void on(Instant now, const Start&);
    void on(Instant now, const Stop&);
    void on(Instant now, const Transport& event);
    void on(Instant now, const ProbeReply& reply);
    void on(Instant now, const ProbeNotSent& failure);
    void on(Instant now, const UplinkLink& fact);
    void on(Instant, const Done& done);
    void on(Instant now, const CountersRead& read);
    void on(Instant, const ClockStepped&);
    void on(Instant, const SchedulingGap& gap);
    void on(Instant now, const Command& command);
    void on(Instant now, const ClearSession& wish);

    struct Link {
        decision::Presence state = decision::Presence::down;
        Instant since;
    };

    model::Config config;
    Instant started;
    std::uint64_t next_record;
    std::mt19937_64 random;

    bgp::Speaker speaker;
    std::uint64_t seed;
    probe::Prober prober;
    decision::Decider decider;
    PeerBook peers;
    Announcer announcer;
    OwnSpace own_space;
    Localiser localiser;
    Started born;
    Passwords passwords;

    Outputs outputs;                       // of the call under way
    std::deque<decision::Evidence> queue;  // for the decision, in order
    std::vector<decision::Action> last_actions;
    std::set<UplinkId> stale_sessions;
    std::set<UplinkId> stale_fates;
    std::map<std::pair<UplinkId, Family>, decision::SessionState> sessions;
    std::map<std::pair<UplinkId, Family>, std::uint16_t> path_mtus;
    std::map<std::pair<UplinkId, UplinkId>, bool> fates;
    std::map<decision::Block, UplinkId> egress;
    std::set<std::pair<UplinkId, decision::Block>> suspects;
    Duration counters_every = idle_counters;
    std::vector<Link> links;  // by UplinkId
    decision::Telemetry telemetry = decision::Telemetry::present;
    Instant telemetry_since{};
    int silence = 0;
    PortLoads loads;
};

}  // namespace detour::controller
