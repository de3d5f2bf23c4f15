// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/decider.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "controlplane/decision/brain.h"

namespace detour::decision {

Decider::Decider(Options options, std::optional<State> state, Duration since_snapshot)
    : machine_(std::make_unique<Machine>(std::move(options), std::move(state), since_snapshot)) {}
Decider::Decider(Decider&&) noexcept = default;
Decider& Decider::operator=(Decider&&) noexcept = default;
Decider::~Decider() = default;

std::vector<Action> Decider::handle(Instant now, CauseId cause, const Evidence& evidence) {
    machine_->now = now;
    machine_->cause = cause;
    machine_->take(evidence);
    return std::exchange(machine_->actions, {});
}

std::vector<Action> Decider::reconfigure(Instant now, CauseId cause, Options options,
                                         const Renumbering& ids) {
    machine_->now = now;
    machine_->cause = cause;
    machine_->reconfigure(std::move(options), ids);
    return std::exchange(machine_->actions, {});
}

std::optional<Instant> Decider::next_deadline() const {
    return machine_->next_deadline();
}

Views Decider::views(Instant now) const {
    return machine_->views(now);
}

State Decider::snapshot(Instant now) const {
    return machine_->snapshot(now);
}

namespace {

// The ASNs of the family's targets, numbered from 0 in the order of their first target.
std::vector<std::uint32_t> number_asns(const std::vector<TargetOptions>& targets, Family family) {
    std::vector<AsNumber> known;
    std::vector<std::uint32_t> numbers;
    for (const auto& target : targets) {
        if (target.family != family)
            continue;
        auto place = std::ranges::find(known, target.asn);
        if (place == known.end())
            place = known.insert(known.end(), target.asn);
        numbers.push_back(static_cast<std::uint32_t>(place - known.begin()));
    }
    return numbers;
}

// One detector a prefix of the family; a prefix is heard through its own beacons only.
std::vector<Detector> make_detectors(const Options& options, const SetOptions& set, Family family,
                                     const std::vector<std::uint32_t>& asns) {
    std::vector<std::uint8_t> beacons;
    for (const auto& beacon : set.beacons) {
        if (beacon.address.family() != family)
            continue;
        if (beacons.size() <= beacon.prefix)
            beacons.resize(beacon.prefix + std::size_t{1});
        ++beacons[beacon.prefix];
    }
    std::vector<Detector> detectors;
    for (const auto count : beacons)
        detectors.emplace_back(options.thresholds, asns, count);
    return detectors;
}

}  // namespace

Decider::Machine::Machine(Options given, std::optional<State> state, Duration since)
    : options(std::move(given)), pending_state(std::move(state)), since_snapshot(since) {
    build();
}

// Everything that is counted by position, empty.
void Decider::Machine::build() {
    for (const Family family : families)
        asns[static_cast<std::size_t>(family)] = number_asns(options.targets, family);
    std::array<std::uint32_t, 2> next{};
    for (const auto& target : options.targets) {
        if (target_index.size() <= target.id.value)
            target_index.resize(target.id.value + std::size_t{1});
        target_index[target.id.value] = next[static_cast<std::size_t>(target.family)]++;
    }
    heard.resize(target_index.size());
    const std::size_t count = options.uplinks.size();
    uplinks.resize(count);
    for (auto& uplink : uplinks)
        uplink.shares_fate.resize(count);
    ways.resize(count * 2);
    placed.resize(options.sets.size() * 2);
    for (std::uint32_t b = 0; b < placed.size(); ++b) {
        auto& block = placed[b];
        const auto& set = options.sets[b / 2];
        block.exists = family_of(b) == Family::ipv4 ? set.has_ipv4 : set.has_ipv6;
        block.announced.resize(count);
        block.said.resize(count);
        block.updates.resize(count);
        for (std::uint32_t u = 0; u < count && block.home == nowhere; ++u)
            if (carries(u, family_of(b)) && options.uplinks[u].purpose == Purpose::transit)
                block.home = u;
        block.exists = block.exists && block.home != nowhere;
    }
    watches.assign(count * placed.size(), Watched(options.thresholds));
    for (std::uint32_t u = 0; u < count; ++u)
        for (std::uint32_t b = 0; b < placed.size(); ++b) {
            auto& watch = watched(u, b);
            const auto& set = options.sets[b / 2];
            const auto& of_family = asns[static_cast<std::size_t>(family_of(b))];
            watch.detectors = make_detectors(options, set, family_of(b), of_family);
            watch.seconds = watch.detectors;
            watch.target_ten.resize(of_family.size());
            watch.beacon_tens.resize(set.beacons.size());
        }
}

std::uint32_t Decider::Machine::uplink_of(UplinkId id) const {
    const auto found = std::ranges::find(options.uplinks, id, &UplinkOptions::id);
    assert(found != options.uplinks.end());
    return static_cast<std::uint32_t>(found - options.uplinks.begin());
}

std::uint32_t Decider::Machine::block_of(PrefixSetId set, Family family) const {
    const auto found = std::ranges::find(options.sets, set, &SetOptions::id);
    assert(found != options.sets.end());
    return static_cast<std::uint32_t>(found - options.sets.begin()) * 2 +
           static_cast<std::uint32_t>(family);
}

ActionId Decider::Machine::say(Deed deed, CauseId led_here) {
    Action action;
    action.id = last_action = ActionId(last_action.value + 1);
    action.causes.push_back(cause);
    if (led_here != CauseId{} && led_here != cause)
        action.causes.push_back(led_here);
    action.deed = std::move(deed);
    actions.push_back(std::move(action));
    return last_action;
}

void Decider::Machine::take(const Evidence& evidence) {
    if (!started)
        started = now;
    std::visit([&](const auto& input) { on(input); }, evidence);
    if (!is_started)
        return;
    const auto passed = std::erase_if(wakeups, [&](Instant at) { return at <= now; });
    if (passed != 0) {
        evaluate_all();
        ask_again();
    }
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists)
            continue;
        if (placed[b].move)
            advance(b);
        if (!placed[b].leaving.empty())
            run_leaving(b);
        if (placed[b].late_check && *placed[b].late_check <= now)
            check_late(b);
    }
    consider_returns();
    save_in_time();
}

// Baselines, E results and S latches outlive a kill: a verdict that matters is saved with them, and
// otherwise they are at most a minute old on the disk. What a step of a move saved is not saved
// twice.
void Decider::Machine::save_in_time() {
    constexpr Duration every = std::chrono::minutes(1);
    const bool is_saved = std::ranges::any_of(
        actions, [](const Action& action) { return std::holds_alternative<Persist>(action.deed); });
    if (!is_saved && now < save_at)
        return;
    if (!is_saved)
        say(Persist{});
    save_at = now + every;
}

void Decider::Machine::on(const Tick&) {}

// Says everything that should be true, so that the world is made so; then a move goes on.
void Decider::Machine::on(const Start&) {
    is_started = true;
    for (auto& of : ways)
        of.session_changed = now;
    for (auto& block : placed) {
        if (!block.exists)
            continue;
        block.carrier = block.egress = block.home;
        block.announced[block.home] = Announcement{};
        block.since = now;
    }
    if (pending_state)
        restore(*pending_state, now - since_snapshot);
    pending_state.reset();
    say(Persist{});
    for (std::uint32_t b = 0; b < block_count(); ++b) {
        if (!placed[b].exists)
            continue;
        say_forwarding(b);
        for (std::uint32_t u = 0; u < uplink_count(); ++u) {
            say_announcement(b, u);
            watched(u, b).since = now;
            update_watch(u, b);
        }
        say(SetCarried{name_of(b), id_of(placed[b].carrier)});
    }
    wakeups.push_back(*started + limits().startup_grace);
    evaluate_all();
}

void Decider::Machine::on(const ProbeOutcome& input) {
    const bool is_second = input.kind != ProbeKind::icmp;
    switch (input.probe_class) {
        case ProbeClass::control:
            return is_second ? take_second_control(input) : take_control(input);
        case ProbeClass::beacon:
            return is_second ? take_second_beacon(input) : take_beacon(input);
        case ProbeClass::sentinel:
            return take_sentinel(input);
        case ProbeClass::tunnel:
            return take_tunnel(input);
        case ProbeClass::egress:
            return take_egress(input);
    }
}

void Decider::Machine::on(const LinkState& input) {
    const auto u = uplink_of(input.uplink);
    auto& uplink = uplinks[u];
    const bool is_up = input.state == Presence::up;
    if (is_up || (started && now > *started))
        uplink.has_been_up = true;
    if (uplink.is_link_up == is_up)
        return;
    uplink.is_link_up = is_up;
    uplink.link_changed = now;
    // Down: the other links may follow within 50 ms, and then it is the data plane. Up: grace.
    wakeups.push_back(now + (is_up ? limits().link_grace : limits().twins_together));
    if (!is_up)
        for (const Family family : families)
            prove_others(u, family);
    if (is_up)
        evaluate_uplink(u);
    else if (are_links_down())
        evaluate_all();
}

void Decider::Machine::on(const BfdState& input) {
    const auto u = uplink_of(input.uplink);
    auto& uplink = uplinks[u];
    if (input.state == Presence::up) {
        uplink.has_bfd_been_up = true;
        if (uplink.bfd_down)
            uplink.bfd_changed = now;
        uplink.bfd_down.reset();
    } else if (uplink.has_bfd_been_up && !uplink.bfd_down) {
        uplink.bfd_down = uplink.bfd_changed = now;
        for (const Family family : families)
            prove_others(u, family);
    }
    evaluate_uplink(u);
}

void Decider::Machine::on(const Session& input) {
    const auto u = uplink_of(input.uplink);
    auto& of = way(u, input.family);
    if (of.session == input.state)
        return;
    const bool was_up = of.session == SessionState::established;
    of.session = input.state;
    of.session_changed = now;
    if (!is_started)
        return;
    // With the session went the routes, and with them what targets last answered by.
    if (input.state != SessionState::down_restarting)
        for (std::uint32_t b = 0; b < block_count(); ++b)
            if (placed[b].exists && family_of(b) == input.family)
                unsettle(u, b);
    if (input.state == SessionState::established) {
        // The new session starts empty: say again what stands, and take a fresh acknowledgement.
        for (std::uint32_t b = 0; b < block_count(); ++b)
            if (placed[b].exists && family_of(b) == input.family && placed[b].announced[u])
                say_announcement(b, u);
    } else if (was_up) {
        prove_others(u, input.family);
        session_fell(u, input.family);
    }
    evaluate_uplink(u);
}

void Decider::Machine::on(const PortLoad& input) {
    uplinks[uplink_of(input.uplink)].utilisation = input.utilisation;
}

void Decider::Machine::on(const SharedFate& input) {
    uplinks[uplink_of(input.uplink)].shares_fate[uplink_of(input.through)] = input.is_shared;
}

void Decider::Machine::on(const TelemetryState& input) {
    const bool is_lost = input.state == Telemetry::lost;
    if (is_lost == is_telemetry_lost)
        return;
    is_telemetry_lost = is_lost;
    if (!is_lost)
        forget_evidence();  // what the dead data plane lost says nothing about uplinks
    evaluate_all();
}

void Decider::Machine::on(const OriginState& input) {
    const auto b = block_of(input.block.set, input.block.family);
    placed[b].origin = input.state;
    placed[b].foreign_origin = input.origin;
    for (std::uint32_t u = 0; u < uplink_count(); ++u)
        evaluate(u, b);
}

void Decider::Machine::on(const BlackholeTold& input) {
    const auto u = uplink_of(input.uplink);
    const auto b = block_of(input.block.set, input.block.family);
    const bool is_told = input.state == BlackholeTold::State::told;
    auto& told = watched(u, b).blackhole;
    told = is_told ? std::optional(input.prefix) : std::nullopt;
    Explanation why;
    why.rule = is_told ? "blackhole told" : "blackhole withdrawn";
    why.note = input.prefix.to_string() + " with the BLACKHOLE community";
    say(Said{is_told ? Severity::warning : Severity::notice, input.uplink, input.block,
             std::move(why)});
    evaluate(u, b);
}

void Decider::Machine::on(const PathMtu& input) {
    auto& known = way(uplink_of(input.uplink), input.family).path_mtu;
    const bool is_short = input.mtu < input.wanted;
    const bool was_short = known && known->mtu < known->wanted;
    known = input;
    if (!is_short && !was_short)
        return;
    Explanation why;
    why.rule = is_short ? "path MTU is too small" : "path MTU is well again";
    why.note = std::string(to_string(input.family));
    why.figures.push_back({"path-mtu", static_cast<double>(input.mtu), Comparison::at_least,
                           static_cast<double>(input.wanted), Unit::none, 0, "4", !is_short});
    say(Said{is_short ? Severity::warning : Severity::notice, input.uplink, std::nullopt,
             std::move(why)});
}

// What was lost while the clock or the loop stood still says nothing: every run starts anew.
void Decider::Machine::forget_evidence() {
    for (auto& watch : watches) {
        watch.each_detector(&Detector::forget);
        watch.beacon.reset();
        watch.sentinel.reset();
        watch.half_since.reset();
    }
    for (auto& of : ways) {
        of.control.reset();
        of.proof.reset();
        of.waiting.clear();
    }
}

void Decider::Machine::on(const ClockStepped&) {
    forget_evidence();
    void_until = now + limits().t_min;
    void_reason = "the clock was stepped";
    wakeups.push_back(*void_until);
}

void Decider::Machine::on(const SchedulingGap& input) {
    if (input.length <= limits().scheduling_gap)
        return;
    forget_evidence();
    void_until = now + limits().t_min;
    void_reason = "detourd itself was not scheduled";
    wakeups.push_back(*void_until);
}

void Decider::Machine::on(const Reload& input) {
    is_reloading = input.phase == Reload::Phase::begun;
    if (!is_reloading)
        evaluate_all();
}

void Decider::Machine::on(const Acknowledgement& input) {
    using Fact = Acknowledgement::Fact;
    if (input.fact == Fact::sent)
        return;
    for (auto& block : placed) {
        if (block.forwarding.action == input.action)
            block.forwarding.is_done = input.fact == Fact::done;
        for (auto& said : block.said)
            if (said.action == input.action) {
                said.is_done = input.fact == Fact::done;
                said.done = now;
            }
    }
}

std::string_view Decider::Machine::veto(std::uint32_t uplink) const {
    if (now < *started + limits().startup_grace)
        return "start-up grace";
    if (is_reloading)
        return "a reload is in progress";
    if (void_until && now < *void_until)
        return void_reason;
    const auto& of = uplinks[uplink];
    if (of.is_link_up && of.link_changed != Instant::min() &&
        now < of.link_changed + limits().link_grace)
        return "the link came up a moment ago";
    return {};
}

std::optional<Instant> Decider::Machine::next_deadline() const {
    std::optional<Instant> first;
    const auto add = [&](std::optional<Instant> at) {
        if (at && (!first || *at < *first))
            first = at;
    };
    for (const Instant at : wakeups)
        add(at);
    if (is_started)
        add(save_at);
    for (const auto& block : placed) {
        // What was due and did not happen waits for a fact, not for time: look again in a while.
        const Instant later = now + limits().acknowledge;
        if (const auto at = step_deadline(block))
            add(*at > now ? *at : later);
        for (const auto& leaving : block.leaving)
            add(leaving.not_before > now ? leaving.not_before : later);
        add(block.late_check);
    }
    return first;
}

}  // namespace detour::decision
