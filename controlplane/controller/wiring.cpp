// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What one island says is handed to the others: evidence in, actions out.
#include <algorithm>
#include <utility>

#include "conf/types/overloaded.h"
#include "controlplane/controller/machine.h"
#include "controlplane/controller/shared_fate.h"

namespace detour::controller {
void Controller::Machine::feed_speaker(Instant now, const bgp::Input& input) {
    take(now, speaker.handle(now, input));
}

template <class Routes>
void Controller::Machine::note_routes(const Routes& routes) {
    own_space.note(routes);
    if (const auto uplink = peers[routes.peer].id)
        stale_fates.insert(*uplink);
}

void Controller::Machine::take(Instant now, bgp::Outputs bgp_outputs) {
    for (bgp::Output& output : bgp_outputs)
        std::visit(Overloaded{
                       [&](bgp::StateChanged& changed) { on_session(changed, now); },
                       [](bgp::AnnouncementProgress&) {},  // settled() asks the speaker itself
                       [&](bgp::RoutesLearned& routes) { note_routes(routes); },
                       [&](bgp::RoutesWithdrawn& routes) { note_routes(routes); },
                       [&](bgp::EndOfRib&) {},
                       [&](bgp::RestartEnded& ended) {
                           if (const auto uplink = peers[ended.peer].id)
                               stale_sessions.insert(*uplink);
                       },
                       [&](bgp::AnnouncementRefused&) {},  // no wish of ours is undeclared
                       [&](bgp::Remark& remark) { record(now, std::move(remark), {}); },
                       [&](auto& order) { outputs.emplace_back(TransportOrder(std::move(order))); },
                   },
                   output);
    for (const decision::Acknowledgement& acknowledgement : announcer.settled(speaker))
        queue.emplace_back(acknowledgement);
    for (const decision::Evidence& news : own_space.news(peers))
        queue.emplace_back(news);
}

void Controller::Machine::on_session(bgp::StateChanged& changed, Instant now) {
    const auto uplink = peers[changed.peer].id;
    record(now, std::move(changed), {});
    if (uplink)
        stale_sessions.insert(*uplink);
}

void Controller::Machine::feed_prober(Instant now, const probe::Input& input) {
    for (const probe::Output& output : prober.handle(now, input))
        std::visit(
            Overloaded{
                [&](const probe::Send& send) { outputs.emplace_back(SendProbe{send}); },
                [&](const probe::Outcome& outcome) { queue.emplace_back(to_evidence(outcome)); },
                [&](const probe::Walked& walked) {
                    if (auto found = localiser.end(walked))
                        record(now, std::move(found->body), {found->cause});
                },
                [&](const probe::PathMtu& found) {
                    path_mtus[{found.uplink, found.family}] = found.mtu;
                    queue.emplace_back(to_evidence(found));
                },
            },
            output);
}

// Everything that waits goes to the decision, and what that causes, until nothing waits.
void Controller::Machine::settle(Instant now) {
    do {
        refresh_sessions();
        refresh_fates();
        while (!queue.empty()) {
            const decision::Evidence evidence = queue.front();
            queue.pop_front();
            decide(now, evidence, {});
        }
    } while (!stale_sessions.empty() || !stale_fates.empty());
}

// The record of the evidence. A Tick that led to nothing is one, too: doubts begin at it, and who
// replays the journal must have them.
std::uint64_t Controller::Machine::decide(Instant now, const decision::Evidence& evidence,
                                          std::vector<std::uint64_t> causes) {
    const std::uint64_t number = next_record++;
    std::vector<decision::Action> actions =
        decider.handle(now, decision::CauseId{number}, evidence);
    outputs.emplace_back(Record{number, now, std::move(causes), evidence});
    carry_out(now, actions);
    last_actions = std::move(actions);
    return number;
}

void Controller::Machine::carry_out(Instant now, const std::vector<decision::Action>& actions) {
    for (const decision::Action& action : actions) {
        std::vector<std::uint64_t> action_causes;
        for (const decision::CauseId cause : action.causes)
            action_causes.push_back(cause.value);
        record(now, action, std::move(action_causes));
        perform(now, action);
    }
}

void Controller::Machine::perform(Instant now, const decision::Action& action) {
    std::visit(
        Overloaded{
            [&](const decision::SetForwarding& deed) {
                egress[deed.block] = deed.egress;
                outputs.emplace_back(Forward{action.id, deed.block, egress});
            },
            [&](const decision::SetAnnouncement& deed) {
                if (deed.is_proof_wanted)
                    for (const bgp::PeerId peer : announcer.peers_of(deed.uplink))
                        feed_speaker(now, bgp::Resend{peer});
                for (const auto& change : announcer.wish(action.id, deed))
                    feed_speaker(now, change);
            },
            [&](const decision::SetWatch& deed) { watch(now, deed); },
            [&](const decision::SetCarried& deed) {
                feed_prober(now, probe::Carried{deed.block.set, deed.block.family, deed.uplink});
            },
            [&](const decision::ProveTunnel& deed) {
                feed_prober(now, probe::ProveTunnel{deed.uplink, deed.family});
            },
            [&](const decision::CeaseSession& deed) {
                for (const bgp::PeerId peer : announcer.peers_of(deed.uplink)) {
                    feed_speaker(now, bgp::Stop{peer, "the uplink carries no packets"});
                    feed_speaker(now, bgp::Start{peer});
                }
            },
            [&](const decision::RetireTarget& deed) {
                feed_prober(now, probe::SetTarget{deed.target, deed.is_retired
                                                                   ? probe::Retirement::retired
                                                                   : probe::Retirement::in_use});
            },
            [&](const decision::Localise& deed) {
                for (const probe::Walk& walk : localiser.begin(deed, next_record - 1))
                    feed_prober(now, walk);
            },
            [&](const decision::Persist&) {
                outputs.emplace_back(Persist{action.id, decider.snapshot(now)});
            },
            [&](const decision::VerdictChanged& deed) {
                if (deed.to == decision::Verdict::uplink_dead)
                    judge_forwarding(now, deed.uplink, bgp::ForwardingJudged::Verdict::dead);
                else if (deed.to == decision::Verdict::healthy)
                    judge_forwarding(now, deed.uplink, bgp::ForwardingJudged::Verdict::alive);
            },
            // What is only said is in the records.
            [](const decision::MoveStepped&) {},
            [](const decision::Held&) {},
            [](const decision::Said&) {},
        },
        action.deed);
}

// A peer that restarts keeps its routes here as long as the way through it carries packets.
void Controller::Machine::judge_forwarding(Instant now, UplinkId uplink,
                                           bgp::ForwardingJudged::Verdict verdict) {
    for (const bgp::PeerId peer : announcer.peers_of(uplink))
        feed_speaker(now, bgp::ForwardingJudged{peer, verdict});
}

void Controller::Machine::watch(Instant now, const decision::SetWatch& deed) {
    feed_prober(
        now, probe::SetLevel{deed.uplink, deed.block.set, deed.block.family, to_level(deed.watch)});
    const std::pair place{deed.uplink, deed.block};
    if (deed.watch == decision::Watch::suspect)
        suspects.insert(place);
    else
        suspects.erase(place);
    const Duration every =
        suspects.empty() ? idle_counters : std::min(idle_counters, config.timing.suspect_interval);
    if (every != std::exchange(counters_every, every))
        outputs.emplace_back(ReadCounters{every});
}

void Controller::Machine::record(Instant now, RecordBody body, std::vector<std::uint64_t> causes) {
    outputs.emplace_back(Record{next_record++, now, std::move(causes), std::move(body)});
}

void Controller::Machine::refresh_sessions() {
    for (const UplinkId uplink : std::exchange(stale_sessions, {}))
        for (const Family family : families) {
            const decision::SessionState state =
                session_state(speaker, announcer.peers_of(uplink), family);
            auto& known = sessions[{uplink, family}];
            if (state != std::exchange(known, state))
                queue.emplace_back(decision::Session{uplink, family, state});
        }
}

void Controller::Machine::refresh_fates() {
    for (const UplinkId uplink : std::exchange(stale_fates, {}))
        for (const model::Uplink& through : config.uplinks) {
            if (through.id == uplink || !through.bgp)
                continue;
            const bool is_shared = shares_fate(config, speaker, announcer.peers_of(uplink),
                                               config.uplink(uplink), through.bgp->asn);
            bool& known = fates[{uplink, through.id}];
            if (is_shared != std::exchange(known, is_shared))
                queue.emplace_back(decision::SharedFate{uplink, through.id, is_shared});
        }
}

probe::Usability Controller::Machine::usability(UplinkId uplink) const {
    return links.at(uplink.value).state == decision::Presence::up ? probe::Usability::usable
                                                                  : probe::Usability::unusable;
}

}  // namespace detour::controller
