// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/decision/world.h"

#include <algorithm>
#include <array>
#include <variant>

#include "controlplane/controller/options.h"
#include "controlplane/probe/answer.h"

namespace world {

using namespace std::chrono_literals;
using detour::Address;
using detour::AsNumber;
using detour::TargetId;

namespace {

constexpr unsigned outside = 0xffff;
constexpr Duration announce_travel = 20ms;
constexpr Duration withdraw_travel = 60ms;

decision::Result result_of(probe::Result result) {
    return static_cast<decision::Result>(result);
}

decision::ProbeOutcome translate(const probe::Outcome& outcome) {
    decision::ProbeOutcome evidence;
    evidence.probe_class = static_cast<decision::ProbeClass>(outcome.probe_class);
    evidence.kind = static_cast<decision::ProbeKind>(outcome.kind);
    evidence.family = outcome.family;
    evidence.uplink = outcome.uplink;
    evidence.set = outcome.set;
    evidence.beacon = outcome.beacon;
    evidence.target = outcome.target;
    evidence.sentinel_of = outcome.sentinel_of;
    evidence.sentinel = outcome.sentinel;
    evidence.pair = outcome.pair;
    evidence.is_full_size = outcome.is_full_size;
    evidence.sent = outcome.sent;
    evidence.result = result_of(outcome.result);
    evidence.rtt = outcome.rtt;
    evidence.arrival = outcome.arrival;
    return evidence;
}

}  // namespace

World::World(Configuration configuration)
    : configuration_(std::move(configuration)),
      state_(configuration_.seed * 0x9e3779b97f4a7c15U),
      paths_(configuration_.uplinks, true),
      links_(configuration_.uplinks, true),
      sessions_(configuration_.uplinks, true),
      forsaken_(configuration_.uplinks, false),
      egress_(configuration_.sets),
      lost_(configuration_.sets),
      counted_(now_) {
    auto& brain = decision_options_;
    brain.mode = configuration_.mode;
    brain.fail_back = configuration_.fail_back;
    const detour::model::Timing timing = detour::model::timing_of(configuration_.profile);
    brain.thresholds = detour::controller::thresholds(timing);
    if (configuration_.adjust)
        configuration_.adjust(brain.thresholds);
    probe_options_.seed = configuration_.seed;
    probe_options_.schedule = detour::controller::schedule(timing);
    for (unsigned u = 0; u < configuration_.uplinks; ++u) {
        const std::vector<Address> sentinels{sentinel(u, 0), sentinel(u, 1)};
        probe_options_.uplinks.push_back({uplink(u), {control(u)}, sentinels, 1476});
        decision::UplinkOptions options;
        options.id = uplink(u);
        options.name = u == 0 ? "provider" : "partner" + std::to_string(u);
        options.asn = AsNumber(64496 + u);
        options.sentinels = sentinels;
        brain.uplinks.push_back(std::move(options));
    }
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        probe_options_.sets.push_back({set(s), {{beacon(s, 0), 0}, {beacon(s, 1), 0}}});
        decision::SetOptions options;
        options.id = set(s);
        options.name = "set" + std::to_string(s);
        options.beacons = {{beacon(s, 0), 0}, {beacon(s, 1), 0}};
        options.has_ipv4 = configuration_.family == Family::ipv4;
        options.has_ipv6 = !options.has_ipv4;
        brain.sets.push_back(std::move(options));
    }
    for (unsigned t = 0; t < configuration_.targets; ++t) {
        const TargetId id(static_cast<std::uint16_t>(t));
        probe_options_.targets.push_back({id, target(t), configuration_.second});
        brain.targets.push_back({id, AsNumber(64501 + t % 3), configuration_.family});
    }
    start();
    count();
}

double World::random() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ z >> 31) >> 11) * 0x1.0p-53;
}

// Documentation prefixes of either family.
Address World::address(unsigned network, unsigned host) const {
    if (configuration_.family == Family::ipv4)
        return Address::ipv4(0xc6330000U + network * 256 + host);  // 198.51.0.0
    std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
    octets[5] = static_cast<std::uint8_t>(network);
    octets[15] = static_cast<std::uint8_t>(host);
    return Address::ipv6(octets);
}
Address World::control(unsigned uplink) const {
    return address(1, 1 + uplink);
}
Address World::sentinel(unsigned uplink, unsigned index) const {
    return address(2, 100 + uplink * 8 + index);
}
Address World::target(unsigned index) const {
    return address(3, 1 + index);
}
Address World::beacon(unsigned set, unsigned index) const {
    return address(100 + set, index == 0 ? 2 : 254);
}

void World::later(Duration delay, std::function<void()> deed) {
    queue_.push({now_ + delay, ++order_, std::move(deed)});
}

void World::make() {
    ++life_;
    ++probe_options_.seed;
    std::optional<decision::State> state;
    if (has_disk_)
        state = disk_;
    decider_ = std::make_unique<decision::Decider>(decision_options_, state, now_ - written_);
    prober_ = std::make_unique<probe::Prober>(probe_options_);
    watch_.clear();
}

void World::start() {
    make();
    feed(decision::Start{});
    for (unsigned u = 0; u < configuration_.uplinks; ++u) {
        if (!links_[u])
            feed(decision::LinkState{uplink(u), decision::Presence::down});
        if (sessions_[u])
            feed(decision::Session{uplink(u), configuration_.family,
                                   decision::SessionState::established});
    }
}

void World::stay_away(Duration gone) {
    ++life_;
    decider_.reset();
    prober_.reset();
    const auto end = now_ + gone;
    while (!queue_.empty() && queue_.top().at <= end)
        step();
    now_ = end;
}

void World::restart(Duration gone) {
    stay_away(gone);
    start();
}

void World::restart(Duration gone, const std::vector<Duration>& sessions) {
    flow();
    for (unsigned u = 0; u < configuration_.uplinks; ++u) {
        sessions_[u] = false;
        for (unsigned s = 0; s < configuration_.sets; ++s) {
            told_[{u, s}].announcement.reset();
            heard_[{u, s}].announcement.reset();
        }
    }
    stay_away(gone);
    make();
    for (unsigned u = 0; u < configuration_.uplinks; ++u)
        feed(decision::LinkState{uplink(u), decision::Presence::down});
    feed(decision::Start{});
    const auto life = life_;
    later(20ms, [this, life] {
        for (unsigned u = 0; u < configuration_.uplinks && life == life_; ++u)
            if (links_[u])
                feed(decision::LinkState{uplink(u), decision::Presence::up});
    });
    for (unsigned u = 0; u < sessions.size(); ++u)
        later(sessions[u], [this, life, u] {
            if (life == life_)
                session(u, State::up);
        });
}

detour::Renumbering World::same_ids(unsigned targets_left) const {
    detour::Renumbering ids;
    for (const auto& each : decision_options_.uplinks)
        ids.uplinks.emplace_back(each.id);
    for (const auto& each : decision_options_.sets)
        ids.sets.emplace_back(each.id);
    for (const auto& each : decision_options_.targets)
        ids.targets.push_back(ids.targets.size() < targets_left ? std::optional(each.id)
                                                                : std::nullopt);
    return ids;
}

void World::reconfigure(const std::function<void(decision::Options&, probe::Options&)>& change,
                        const detour::Renumbering& ids) {
    change(decision_options_, probe_options_);
    prober_->reconfigure(probe_options_, ids);
    probe_in(probe::Tick{});
    const auto actions =
        decider_->reconfigure(now_, decision::CauseId(++cause_), decision_options_, ids);
    for (const auto& action : actions) {
        events_.push_back({now_, action});
        carry_out(action);
    }
    check();
}

void World::settle() {
    run(decision_options_.thresholds.startup_grace + 5 * decision_options_.thresholds.armed_age);
    flow();
    std::ranges::fill(lost_, 0);
}

void World::step() {
    // A machine's deadline or the world's next event, whichever is first.
    Instant next = queue_.top().at;
    enum { world, probes, brain } who = world;
    if (decider_) {
        if (const auto at = prober_->next_deadline(); at && *at < next) {
            next = *at;
            who = probes;
        }
        if (const auto at = decider_->next_deadline(); at && *at < next) {
            next = *at;
            who = brain;
        }
    }
    now_ = std::max(now_, next);
    if (who == probes)
        return probe_in(probe::Tick{});
    if (who == brain) {
        ++wakeups_;
        return feed(decision::Tick{});
    }
    const auto deed = queue_.top().deed;
    queue_.pop();
    deed();
}

void World::run(Duration length) {
    const Instant end = now_ + length;
    later(length, [] {});
    while (now_ < end)
        step();
}

bool World::run_until(const std::function<bool()>& done, Duration most) {
    const Instant end = now_ + most;
    later(most, [] {});
    while (!done()) {
        if (now_ >= end)
            return false;
        step();
    }
    return true;
}

void World::tell(const decision::Evidence& evidence) {
    feed(evidence);
}

void World::feed(const decision::Evidence& evidence) {
    if (!decider_)
        return;
    const auto actions = decider_->handle(now_, decision::CauseId(++cause_), evidence);
    for (const auto& action : actions) {
        events_.push_back({now_, action});
        carry_out(action);
        if (on_action)
            on_action(events_.back());
        if (!decider_)
            return;
    }
    check();
}

void World::probe_in(const probe::Input& input) {
    if (!prober_)
        return;
    // The span is the prober's own: what is fed back must wait until it was read.
    const auto span = prober_->handle(now_, input);
    const std::vector<probe::Output> outputs(span.begin(), span.end());
    for (const auto& output : outputs) {
        if (const auto* out = std::get_if<probe::Send>(&output))
            send(*out);
        else if (const auto* outcome = std::get_if<probe::Outcome>(&output))
            feed(translate(*outcome));
    }
}

bool World::is_delivered(unsigned u, unsigned s) const {
    const auto null = null_.find({u, s});
    return paths_[u] && links_[u] && (null == null_.end() || null->second == Null::none);
}

// By fewest prepends, then by preference. Within an uplink its own customer route wins.
std::optional<unsigned> World::way_in(unsigned s, unsigned from_inside, unsigned preferred) const {
    if (from_inside != outside) {
        const auto own = heard_.find({from_inside, s});
        if (own != heard_.end() && own->second.announcement)
            return from_inside;
    }
    std::optional<unsigned> best;
    std::uint32_t fewest = 0;
    for (unsigned i = 0; i < configuration_.uplinks; ++i) {
        const unsigned u = (preferred + i) % configuration_.uplinks;
        const auto found = heard_.find({u, s});
        if (found == heard_.end() || !found->second.announcement)
            continue;
        const auto& announcement = *found->second.announcement;
        if (announcement.is_no_export && honours_no_export_)
            continue;
        if (!best || announcement.prepends < fewest) {
            best = u;
            fewest = announcement.prepends;
        }
    }
    return best;
}

void World::send(const probe::Send& out) {
    ++probes_sent_;
    const unsigned u = out.uplink.value;
    const bool is_lost = random() < configuration_.loss;
    if (is_lost || !paths_[u] || !links_[u])
        return;
    unsigned inside = outside;
    for (unsigned each = 0; each < configuration_.uplinks; ++each)
        for (unsigned i = 0; i < 2; ++i)
            if (out.destination == sentinel(each, i))
                inside = each;
    if (inside == outside && !targets_answer_)
        return;
    if (inside != outside && !(paths_[inside] && links_[inside]))
        return;
    std::optional<unsigned> arrival = u;
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        if (out.source != beacon(s, 0) && out.source != beacon(s, 1))
            continue;
        unsigned preferred = preferred_;
        for (const unsigned index : choosy_.second)
            if (out.destination == target(index))
                preferred = choosy_.first;
        arrival = way_in(s, inside, preferred);
        if (!arrival || (filtered_[{*arrival, s}] && filtered_kinds_.contains(out.kind)))
            return;
        const auto null = null_[{*arrival, s}];
        // A null route beyond u spares u's own hosts; one inside spares nobody who enters u, and
        // swallows what u's own hosts send whichever way it should leave.
        if (!paths_[*arrival] || !links_[*arrival] || null == Null::inside ||
            (null == Null::beyond && inside != *arrival))
            return;
        if (inside != outside && null_[{inside, s}] == Null::inside)
            return;
    }
    const auto answer = probe::answer(out);
    const auto life = life_;
    const Duration jitter(static_cast<std::int64_t>(
        random() * 0.2 * static_cast<double>(configuration_.rtt.count())));
    later(configuration_.rtt + jitter, [this, life, answer = *answer, way = *arrival,
                                        source = out.destination, destination = out.source] {
        if (life == life_ && prober_)
            probe_in(probe::Reply{uplink(way), source, destination, answer.message, answer.kind});
    });
}

// Traffic goes where the Internet sends it; called before that changes.
void World::flow() {
    const double seconds = static_cast<double>((now_ - counted_).count()) / 1e9;
    counted_ = now_;
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        const double packets = configuration_.packets_per_second * seconds;
        const auto way = way_in(s, outside);
        if (way && is_delivered(*way, s))
            packets_[{*way, s}] += packets;
        else
            lost_[s] += packets;
    }
}

// The counters are read at the interval of the closest watch.
void World::count() {
    flow();
    Duration interval = 1s;
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        for (unsigned u = 0; u < configuration_.uplinks; ++u) {
            if (watch_[{u, s}] == decision::Watch::suspect)
                interval = std::min(interval, probe_options_.schedule.suspect_interval);
            const auto value = static_cast<std::uint64_t>(packets_[{u, s}]);
            feed(decision::Counters{
                uplink(u), {set(s), configuration_.family}, value, value, value * 500});
        }
    }
    // As fine as the world's own time must be: an outage begins between two readings.
    later(
        std::min(interval, configuration_.profile == detour::model::Profile::fast ? Duration(100ms)
                                                                                  : Duration(1s)),
        [this] { count(); });
}

void World::carry_out(const decision::Action& action) {
    const auto life = life_;
    const auto acknowledge = [this, life](decision::ActionId id) {
        if (life == life_)
            feed(decision::Acknowledgement{id, decision::Acknowledgement::Fact::done});
    };
    if (std::holds_alternative<decision::Persist>(action.deed)) {
        disk_ = decider_->snapshot(now_);
        has_disk_ = true;
        written_ = now_;
    } else if (const auto* forwarding = std::get_if<decision::SetForwarding>(&action.deed)) {
        egress_[forwarding->block.set.value] = forwarding->egress.value;
        later(1ms, [acknowledge, id = action.id] { acknowledge(id); });
    } else if (const auto* said = std::get_if<decision::SetAnnouncement>(&action.deed)) {
        const std::pair<unsigned, unsigned> key{said->uplink.value, said->block.set.value};
        const bool is_news = told_[key].announcement != said->announcement;
        if (forsaken_[key.first]) {
            // It stands already: nothing is sent, and the acknowledgement is an old one.
            if (is_news || said->is_proof_wanted)
                return later(2ms, [this, u = key.first] { session(u, State::down); });
            return later(2ms, [acknowledge, id = action.id] { acknowledge(id); });
        }
        if (sessions_[key.first] && is_news) {
            told_[key].announcement = said->announcement;
            if (said->announcement && !said->announcement->is_no_export)
                was_told_.insert(key);
            later(said->announcement ? announce_travel : withdraw_travel,
                  [this, key, number = ++said_[key], heard = said->announcement] {
                      flow();
                      if (sessions_[key.first] && said_[key] == number)
                          heard_[key].announcement = heard;
                  });
        }
        if (sessions_[key.first] || !said->announcement)
            later(2ms, [acknowledge, id = action.id] { acknowledge(id); });
    } else if (const auto* watch = std::get_if<decision::SetWatch>(&action.deed)) {
        watch_[{watch->uplink.value, watch->block.set.value}] = watch->watch;
        probe_in(probe::SetLevel{watch->uplink, watch->block.set, watch->block.family,
                                 static_cast<probe::Level>(watch->watch)});
    } else if (const auto* carried = std::get_if<decision::SetCarried>(&action.deed)) {
        probe_in(probe::Carried{carried->block.set, carried->block.family, carried->uplink});
    } else if (const auto* prove = std::get_if<decision::ProveTunnel>(&action.deed)) {
        probe_in(probe::ProveTunnel{prove->uplink, prove->family});
    } else if (const auto* changed = std::get_if<decision::VerdictChanged>(&action.deed)) {
        verdicts_[{changed->uplink.value, changed->block.set.value}] = changed->to;
    }
}

void World::link(unsigned u, State state) {
    flow();
    links_[u] = state == State::up;
    probe_in(probe::UplinkUsable{
        uplink(u), links_[u] ? probe::Usability::usable : probe::Usability::unusable});
    feed(decision::LinkState{uplink(u),
                             links_[u] ? decision::Presence::up : decision::Presence::down});
}

void World::forsake(unsigned u) {
    flow();
    forsaken_[u] = true;
    for (unsigned s = 0; s < configuration_.sets; ++s)
        heard_[{u, s}].announcement.reset();
}

void World::session(unsigned u, State state) {
    flow();
    forsaken_[u] = false;
    sessions_[u] = state == State::up;
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        told_[{u, s}].announcement.reset();
        if (!sessions_[u])
            heard_[{u, s}].announcement.reset();
    }
    feed(decision::Session{
        uplink(u), configuration_.family,
        sessions_[u] ? decision::SessionState::established : decision::SessionState::down});
}

void World::telemetry(State state) {
    feed(decision::TelemetryState{state == State::up ? decision::Telemetry::present
                                                     : decision::Telemetry::lost});
}

bool World::is_announced(unsigned u, unsigned s) const {
    const auto found = told_.find({u, s});
    return sessions_[u] && !forsaken_[u] && found != told_.end() && found->second.announcement &&
           !found->second.announcement->is_no_export;
}

bool World::is_only_on(unsigned u, unsigned s) const {
    return is_announced(u, s) && !is_announced(1 - u, s) && egress(s) == u;
}

// Wherever a session stands that the block was ever announced on: it is announced on one of them.
void World::check() {
    for (unsigned s = 0; s < configuration_.sets; ++s) {
        bool is_anywhere = false;
        bool could_be = false;
        for (unsigned u = 0; u < configuration_.uplinks; ++u) {
            is_anywhere |= is_announced(u, s);
            could_be |= sessions_[u] && !forsaken_[u] && was_told_.contains({u, s});
        }
        if (could_be && !is_anywhere)
            ++announced_nowhere_;
    }
}

decision::Verdict World::verdict(unsigned u, unsigned s) const {
    const auto found = verdicts_.find({u, s});
    return found == verdicts_.end() ? decision::Verdict::unclear : found->second;
}

const decision::VerdictChanged* World::change(unsigned u, unsigned s) const {
    for (auto event = events_.rbegin(); event != events_.rend(); ++event)
        if (const auto* changed = std::get_if<decision::VerdictChanged>(&event->action.deed))
            if (changed->uplink == uplink(u) && changed->block.set == set(s))
                return changed;
    return nullptr;
}

std::optional<Instant> World::first(unsigned u, unsigned s, decision::Verdict verdict,
                                    Instant since) const {
    for (const auto& event : events_)
        if (const auto* changed = std::get_if<decision::VerdictChanged>(&event.action.deed))
            if (event.at >= since && changed->to == verdict && changed->uplink == uplink(u) &&
                changed->block.set == set(s))
                return event.at;
    return std::nullopt;
}

std::vector<decision::MoveStep> World::steps(unsigned s) const {
    std::vector<decision::MoveStep> steps;
    for (const auto& event : events_)
        if (const auto* stepped = std::get_if<decision::MoveStepped>(&event.action.deed))
            if (stepped->block.set == set(s))
                steps.push_back(stepped->step);
    return steps;
}

std::vector<std::string> World::holds(unsigned s) const {
    std::vector<std::string> reasons;
    for (const auto& event : events_)
        if (const auto* held = std::get_if<decision::Held>(&event.action.deed))
            if (held->block.set == set(s))
                reasons.emplace_back(held->why.missing);
    return reasons;
}

std::vector<std::string> World::pages() const {
    std::vector<std::string> rules;
    for (const auto& event : events_)
        if (const auto* said = std::get_if<decision::Said>(&event.action.deed))
            if (said->severity == decision::Severity::page)
                rules.emplace_back(said->why.rule);
    return rules;
}

}  // namespace world
