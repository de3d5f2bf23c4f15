// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What happened outside: what the islands are told of it, and what is evidence.
#include <utility>

#include "controlplane/controller/machine.h"

namespace detour::controller {
namespace {

// A state that is no older was left by a process that a peer still waits for: it is written at
// least once a minute, and peers keep our routes for 30 s (RFC 4724).
constexpr Duration resumption = std::chrono::seconds(90);
// Answers that may stay out before the data plane counts as lost.
constexpr int tolerated_silence = 2;

}  // namespace

void Controller::Machine::on(Instant now, const Tick&) {
    if (const auto due = speaker.next_deadline(); due && *due <= now)
        feed_speaker(now, bgp::Tick{});
    if (const auto due = prober.next_deadline(); due && *due <= now)
        feed_prober(now, probe::Tick{});
    settle(now);
    if (const auto due = decider.next_deadline(); due && *due <= now)
        decide(now, decision::Tick{}, {});
}

void Controller::Machine::on(Instant now, const Start&) {
    record(now, born, {});
    for (const model::Uplink& uplink : config.uplinks) {
        feed_prober(now, probe::UplinkUsable{uplink.id, probe::Usability::unusable});
        queue.emplace_back(decision::LinkState{uplink.id, decision::Presence::down});
        stale_fates.insert(uplink.id);
    }
    // The announcements that stand on the disk are wishes before the first session opens: a
    // peer that kept our routes while we restarted takes End-of-RIB for their end (RFC 4724).
    decide(now, decision::Start{}, {});
    bgp::SpeakerConfig given = speaker_config(config, passwords, peers);
    given.is_resumed = born.has_state && born.state_age <= resumption;
    take(now, speaker.configure(now, given));
    for (const bgp::Announce& announce : announcer.everything())
        feed_speaker(now, announce);
    outputs.emplace_back(ReadCounters{counters_every});
}

void Controller::Machine::on(Instant now, const Stop&) {
    outputs.emplace_back(Persist{decision::ActionId{}, decider.snapshot(now)});
    for (const bgp::PeerId peer : peers.peers())
        feed_speaker(now, bgp::Stop{peer, "detour stops"});
    queue.clear();  // what the ends of the sessions would lead to is not ours to do any more
    stale_sessions.clear();
}

void Controller::Machine::on(Instant now, const Transport& event) {
    feed_speaker(now, event);
}

void Controller::Machine::on(Instant now, const ProbeReply& reply) {
    if (reply.arrival)
        feed_prober(now, probe::Reply{*reply.arrival, reply.source, reply.destination,
                                      reply.message, reply.kind});
}

void Controller::Machine::on(Instant now, const ProbeNotSent& failure) {
    feed_prober(now, probe::SendFailed{failure.probe});
}

void Controller::Machine::on(Instant now, const UplinkLink& fact) {
    Link& link = links.at(fact.uplink.value);
    if (fact.state == std::exchange(link.state, fact.state))
        return;
    link.since = now;
    const bool is_up = fact.state == decision::Presence::up;
    feed_prober(now, probe::UplinkUsable{fact.uplink, is_up ? probe::Usability::usable
                                                            : probe::Usability::unusable});
    judge_forwarding(
        now, fact.uplink,
        is_up ? bgp::ForwardingJudged::Verdict::alive : bgp::ForwardingJudged::Verdict::dead);
    queue.emplace_back(decision::LinkState{fact.uplink, fact.state});
}

void Controller::Machine::on(Instant, const Done& done) {
    queue.emplace_back(decision::Acknowledgement{done.ticket, done.fact});
}

void Controller::Machine::on(Instant now, const CountersRead& read) {
    silence = read.counters ? 0 : silence + 1;
    const auto state = read.counters ? decision::Telemetry::present : decision::Telemetry::lost;
    const bool is_news = state != telemetry && (read.counters || silence >= tolerated_silence);
    if (is_news) {
        telemetry = state;
        telemetry_since = now;
        queue.emplace_back(decision::TelemetryState{state});
    }
    if (!read.counters)
        return;
    for (const decision::Counters& counters : *read.counters)
        queue.emplace_back(counters);
    for (const decision::PortLoad& load : loads.measure(now, *read.counters, config))
        queue.emplace_back(load);
}

void Controller::Machine::on(Instant, const ClockStepped&) {
    queue.emplace_back(decision::ClockStepped{});
}

void Controller::Machine::on(Instant, const SchedulingGap& gap) {
    queue.emplace_back(decision::SchedulingGap{gap.length});
}

void Controller::Machine::on(Instant now, const Command& command) {
    settle(now);
    const std::uint64_t number = next_record;
    record(now, command, {});
    last_actions.clear();
    const decision::Evidence evidence =
        std::visit([](const auto& deed) -> decision::Evidence { return deed; }, command.deed);
    decide(now, evidence, {number});
    CommandAnswer answer{command.number, CommandAnswer::Verdict::accepted, {}, number};
    for (const decision::Action& action : last_actions) {
        if (const auto* held = std::get_if<decision::Held>(&action.deed)) {
            // A fail-back that must wait is remembered, and begins by itself once it may.
            if (!std::holds_alternative<decision::OperatorFailback>(command.deed))
                answer.verdict = CommandAnswer::Verdict::refused;
            answer.why = held->why;
            break;
        }
        if (const auto* step = std::get_if<decision::MoveStepped>(&action.deed)) {
            answer.effect = CommandAnswer::Effect::begun;
            if (answer.why.rule.empty())
                answer.why = step->why;
        }
    }
    outputs.emplace_back(std::move(answer));
}

void Controller::Machine::on(Instant now, const ClearSession& wish) {
    const bool is_hard = wish.kind == ClearSession::Kind::hard;
    const std::string deed = is_hard ? "reset" : "asked for its routes again, and sent ours";
    record(now,
           bgp::Remark{wish.peer, bgp::Remark::Level::notice,
                       deed + " for " + wish.actor + ": " + wish.reason},
           {});
    if (is_hard)
        return feed_speaker(now, bgp::Reset{wish.peer, wish.reason});
    for (const Family family : families)
        feed_speaker(now, bgp::RequestRefresh{wish.peer, family});
    feed_speaker(now, bgp::Resend{wish.peer});
}

}  // namespace detour::controller
