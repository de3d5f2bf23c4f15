// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/controller.h"

#include <algorithm>
#include <deque>
#include <random>
#include <tuple>
#include <utility>

#include "conf/model/succession.h"
#include "controlplane/controller/shared_fate.h"
#include "controlplane/controller/translate.h"

namespace detour::controller {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

// How often forwarding counters are read when nothing is suspected: often enough for the
// conservation checks of a move (detection.md section 4: 3 s), seldom enough to be free.
constexpr Duration idle_counters = std::chrono::seconds(1);
// A state that is no older was left by a process that a peer still waits for: it is written at
// least once a minute, and peers keep our routes for 30 s (RFC 4724).
constexpr Duration resumption = std::chrono::seconds(90);
// Answers that may stay out before the data plane counts as lost.
constexpr int tolerated_silence = 2;

// Keys that name what is gone go with it.
template <class Value>
std::map<std::pair<UplinkId, Family>, Value> renumbered(
    const std::map<std::pair<UplinkId, Family>, Value>& values, const Renumbering& ids) {
    std::map<std::pair<UplinkId, Family>, Value> result;
    for (const auto& [key, value] : values)
        if (const auto uplink = ids(key.first))
            result[{*uplink, key.second}] = value;
    return result;
}

}  // namespace

struct Controller::Machine {
    Machine(const model::Config& configuration, Beginning beginning)
        : config(configuration),
          started(beginning.at),
          next_record(beginning.next_record),
          random(beginning.seed),
          speaker([this] { return std::uniform_real_distribution<double>(0, 1)(random); }),
          seed(beginning.seed),
          prober(probe_options(configuration, beginning.seed)),
          decider(decision_options(configuration), beginning.state, beginning.state_age),
          peers(configuration),
          announcer(config, peers),
          born(Started{beginning.state.has_value(), beginning.state_age}),
          passwords(std::move(beginning.passwords)) {
        links.resize(configuration.uplinks.size());
        for (Link& link : links)
            link.since = beginning.at;
    }

    // --- the islands

    void feed_speaker(Instant now, const bgp::Input& input) {
        take(now, speaker.handle(now, input));
    }

    void take(Instant now, bgp::Outputs bgp_outputs) {
        for (bgp::Output& output : bgp_outputs)
            std::visit(
                Overloaded{
                    [&](bgp::StateChanged& changed) { on_session(changed, now); },
                    [](bgp::AnnouncementProgress&) {},  // settled() asks the speaker itself
                    [&](bgp::RoutesLearned& routes) { note_routes(routes.peer); },
                    [&](bgp::RoutesWithdrawn& routes) { note_routes(routes.peer); },
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
    }

    void on_session(bgp::StateChanged& changed, Instant now) {
        const auto uplink = peers[changed.peer].id;
        record(now, std::move(changed), {});
        if (uplink)
            stale_sessions.insert(*uplink);
    }

    void note_routes(bgp::PeerId peer) {
        if (const auto uplink = peers[peer].id)
            stale_fates.insert(*uplink);
    }

    void feed_prober(Instant now, const probe::Input& input) {
        for (const probe::Output& output : prober.handle(now, input))
            std::visit(Overloaded{
                           [&](const probe::Send& send) { outputs.emplace_back(SendProbe{send}); },
                           [&](const probe::Outcome& outcome) {
                               queue.emplace_back(to_evidence(outcome));
                           },
                       },
                       output);
    }

    // --- evidence in, actions out

    // Everything that waits goes to the decision, and what that causes, until nothing waits.
    void settle(Instant now) {
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

    // The record of the evidence, or 0 when it was a Tick that led to nothing.
    std::uint64_t decide(Instant now, const decision::Evidence& evidence,
                         std::vector<std::uint64_t> causes) {
        const std::uint64_t number = next_record++;
        std::vector<decision::Action> actions =
            decider.handle(now, decision::CauseId{number}, evidence);
        if (std::holds_alternative<decision::Tick>(evidence) && actions.empty()) {
            --next_record;
            return 0;
        }
        outputs.emplace_back(Record{number, now, std::move(causes), evidence});
        carry_out(now, actions);
        last_actions = std::move(actions);
        return number;
    }

    void carry_out(Instant now, const std::vector<decision::Action>& actions) {
        for (const decision::Action& action : actions) {
            std::vector<std::uint64_t> action_causes;
            for (const decision::CauseId cause : action.causes)
                action_causes.push_back(cause.value);
            record(now, action, std::move(action_causes));
            perform(now, action);
        }
    }

    void perform(Instant now, const decision::Action& action) {
        std::visit(
            Overloaded{
                [&](const decision::SetForwarding& deed) {
                    egress[deed.block] = deed.egress;
                    outputs.emplace_back(Forward{action.id, deed.block, egress});
                },
                [&](const decision::SetAnnouncement& deed) {
                    for (const auto& change : announcer.wish(action.id, deed))
                        feed_speaker(now, change);
                },
                [&](const decision::SetWatch& deed) { watch(now, deed); },
                [&](const decision::SetCarried& deed) {
                    feed_prober(now,
                                probe::Carried{deed.block.set, deed.block.family, deed.uplink});
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
                    feed_prober(now, probe::SetTarget{deed.target,
                                                      deed.is_retired ? probe::Retirement::retired
                                                                      : probe::Retirement::in_use});
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
    void judge_forwarding(Instant now, UplinkId uplink, bgp::ForwardingJudged::Verdict verdict) {
        for (const bgp::PeerId peer : announcer.peers_of(uplink))
            feed_speaker(now, bgp::ForwardingJudged{peer, verdict});
    }

    void watch(Instant now, const decision::SetWatch& deed) {
        feed_prober(now, probe::SetLevel{deed.uplink, deed.block.set, deed.block.family,
                                         to_level(deed.watch)});
        const std::pair place{deed.uplink, deed.block};
        if (deed.watch == decision::Watch::suspect)
            suspects.insert(place);
        else
            suspects.erase(place);
        const Duration every = suspects.empty()
                                   ? idle_counters
                                   : std::min(idle_counters, config.timing.suspect_interval);
        if (every != std::exchange(counters_every, every))
            outputs.emplace_back(ReadCounters{every});
    }

    void record(Instant now, RecordBody body, std::vector<std::uint64_t> causes) {
        outputs.emplace_back(Record{next_record++, now, std::move(causes), std::move(body)});
    }

    // --- facts derived from the speaker

    void refresh_sessions() {
        for (const UplinkId uplink : std::exchange(stale_sessions, {}))
            for (const Family family : families) {
                const decision::SessionState state =
                    session_state(speaker, announcer.peers_of(uplink), family);
                auto& known = sessions[{uplink, family}];
                if (state != std::exchange(known, state))
                    queue.emplace_back(decision::Session{uplink, family, state});
            }
    }

    void refresh_fates() {
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

    // --- another configuration

    void reconfigure(Instant now, const model::Config& next, Passwords keys, Reconfigured why) {
        settle(now);  // what waits is in the old numbers
        const Renumbering ids = model::renumbering(config, next);
        const bool is_other_probing = !ids.is_identity() ||
                                      probe_options(config, seed) != probe_options(next, seed) ||
                                      decision_options(config) != decision_options(next);
        config = next;
        passwords = std::move(keys);
        peers = PeerBook(config, peers);
        renumber(now, ids);
        const std::uint64_t number = next_record;
        record(now, std::move(why), {});
        take(now, speaker.configure(now, speaker_config(config, passwords, peers)));
        for (const bgp::Announce& announce : announcer.reconfigure(peers, ids))
            feed_speaker(now, announce);
        if (is_other_probing) {
            prober.reconfigure(probe_options(config, seed), ids);
            for (const model::Uplink& uplink : config.uplinks)
                feed_prober(now, probe::UplinkUsable{uplink.id, usability(uplink.id)});
            carry_out(now, decider.reconfigure(now, decision::CauseId{number},
                                               decision_options(config), ids));
        }
        for (const model::Uplink& uplink : config.uplinks) {
            if (std::ranges::find(ids.uplinks, uplink.id) == ids.uplinks.end())
                queue.emplace_back(decision::LinkState{uplink.id, decision::Presence::down});
            stale_sessions.insert(uplink.id);
            stale_fates.insert(uplink.id);
        }
    }

    // Everything that is kept by an id.
    void renumber(Instant now, const Renumbering& ids) {
        std::vector<Link> now_links(config.uplinks.size(), Link{.since = now});
        for (std::uint16_t i = 0; i < links.size(); ++i)
            if (const auto uplink = ids(UplinkId(i)))
                now_links[uplink->value] = links[i];
        links = std::move(now_links);
        sessions = renumbered(sessions, ids);
        for (const auto& [pair, is_shared] : std::exchange(fates, {}))
            if (ids(pair.first) && ids(pair.second))
                fates[{*ids(pair.first), *ids(pair.second)}] = is_shared;
        for (const auto& [block, uplink] : std::exchange(egress, {}))
            if (ids(block.set) && ids(uplink))
                egress[{*ids(block.set), block.family}] = *ids(uplink);
        suspects.clear();  // the decision says them again
        stale_sessions.clear();
        stale_fates.clear();
        loads = {};
    }

    [[nodiscard]] probe::Usability usability(UplinkId uplink) const {
        return links.at(uplink.value).state == decision::Presence::up ? probe::Usability::usable
                                                                      : probe::Usability::unusable;
    }

    // --- inputs

    void on(Instant now, const Tick&) {
        if (const auto due = speaker.next_deadline(); due && *due <= now)
            feed_speaker(now, bgp::Tick{});
        if (const auto due = prober.next_deadline(); due && *due <= now)
            feed_prober(now, probe::Tick{});
        settle(now);
        if (const auto due = decider.next_deadline(); due && *due <= now)
            decide(now, decision::Tick{}, {});
    }

    void on(Instant now, const Start&) {
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

    void on(Instant now, const Stop&) {
        outputs.emplace_back(Persist{decision::ActionId{}, decider.snapshot(now)});
        for (const bgp::PeerId peer : peers.peers())
            feed_speaker(now, bgp::Stop{peer, "detour stops"});
        queue.clear();  // what the ends of the sessions would lead to is not ours to do any more
        stale_sessions.clear();
    }

    void on(Instant now, const Transport& event) { feed_speaker(now, event); }

    void on(Instant now, const IcmpReply& reply) {
        if (reply.arrival)
            feed_prober(
                now, probe::Reply{*reply.arrival, reply.source, reply.destination, reply.message});
    }

    void on(Instant now, const SegmentReply& reply) {
        if (reply.arrival)
            feed_prober(now, probe::Reply{*reply.arrival, reply.source, reply.destination,
                                          reply.message, reply.kind});
    }

    void on(Instant now, const ProbeNotSent& failure) {
        feed_prober(now, probe::SendFailed{failure.probe});
    }

    void on(Instant now, const UplinkLink& fact) {
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

    void on(Instant, const Done& done) {
        queue.emplace_back(decision::Acknowledgement{done.ticket, done.fact});
    }

    void on(Instant now, const CountersRead& read) {
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

    void on(Instant, const ClockStepped&) { queue.emplace_back(decision::ClockStepped{}); }
    void on(Instant, const SchedulingGap& gap) {
        queue.emplace_back(decision::SchedulingGap{gap.length});
    }

    void on(Instant now, const Command& command) {
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
            if (const auto* step = std::get_if<decision::MoveStepped>(&action.deed);
                step && answer.why.rule.empty())
                answer.why = step->why;
        }
        outputs.emplace_back(std::move(answer));
    }

    void on(Instant now, const ClearSession& wish) {
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
    Started born;
    Passwords passwords;

    Outputs outputs;                       // of the call under way
    std::deque<decision::Evidence> queue;  // for the decision, in order
    std::vector<decision::Action> last_actions;
    std::set<UplinkId> stale_sessions;
    std::set<UplinkId> stale_fates;
    std::map<std::pair<UplinkId, Family>, decision::SessionState> sessions;
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

Controller::Controller(const model::Config& config, Beginning beginning)
    : machine_(std::make_unique<Machine>(config, std::move(beginning))) {}

Controller::~Controller() = default;

Outputs Controller::handle(Instant now, const Input& input) {
    machine_->outputs.clear();
    std::visit([&](const auto& event) { machine_->on(now, event); }, input);
    machine_->settle(now);
    return std::move(machine_->outputs);
}

Outputs Controller::reconfigure(Instant now, const model::Config& config, Passwords passwords,
                                Reconfigured why) {
    machine_->outputs.clear();
    machine_->reconfigure(now, config, std::move(passwords), std::move(why));
    machine_->settle(now);
    return std::move(machine_->outputs);
}

const std::map<decision::Block, UplinkId>& Controller::egress() const {
    return machine_->egress;
}

const PeerBook& Controller::peers() const {
    return machine_->peers;
}

const bgp::Speaker& Controller::speaker() const {
    return machine_->speaker;
}

std::optional<Instant> Controller::next_deadline() const {
    std::optional<Instant> earliest;
    for (const auto& deadline :
         {machine_->speaker.next_deadline(), machine_->prober.next_deadline(),
          machine_->decider.next_deadline()})
        if (deadline && (!earliest || *deadline < *earliest))
            earliest = deadline;
    return earliest;
}

View Controller::view(Instant now) const {
    View view;
    view.at = now;
    view.started = machine_->started;
    for (const model::Uplink& uplink : machine_->config.uplinks) {
        UplinkView& row = view.uplinks.emplace_back();
        row.id = uplink.id;
        row.link = machine_->links.at(uplink.id.value).state;
        row.link_since = machine_->links.at(uplink.id.value).since;
        for (const bgp::PeerId id : machine_->announcer.peers_of(uplink.id))
            if (auto peer = machine_->speaker.peer(id))
                row.peers.push_back(std::move(*peer));
    }
    view.decision = machine_->decider.views(now);
    view.probes = machine_->prober.load();
    view.telemetry = machine_->telemetry;
    view.telemetry_since = machine_->telemetry_since;
    return view;
}

}  // namespace detour::controller
