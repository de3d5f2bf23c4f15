// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/prober.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "controlplane/probe/machine.h"

namespace detour::probe {

const char* to_string(Class probe_class) {
    constexpr std::array names{"C", "B", "S", "T", "E", "W"};
    return names[static_cast<std::size_t>(probe_class)];
}

void Send::append_to(Bytes& out) const {
    out.insert(out.end(), head.begin(), head.end());
    out.resize(out.size() + size - head.size());
}

Prober::Prober(Options options) : machine_(std::make_unique<Machine>(std::move(options))) {}
Prober::Prober(Prober&&) noexcept = default;
Prober& Prober::operator=(Prober&&) noexcept = default;
Prober::~Prober() = default;

std::span<const Output> Prober::handle(Instant now, const Input& input) {
    machine_->outputs.clear();
    machine_->take(now, input);
    machine_->run_timers(now);
    return machine_->outputs;
}

void Prober::reconfigure(Options options, const Renumbering& ids) {
    auto next = std::make_unique<Machine>(std::move(options));
    next->take_over(*machine_, ids);
    machine_ = std::move(next);
}

std::optional<Instant> Prober::next_deadline() const {
    const Timer* first = machine_->timers.first();
    return first ? std::optional(first->at) : std::nullopt;
}

Load Prober::load() const {
    return machine_->load;
}

Duration Prober::timeout(UplinkId uplink, TargetId target) const {
    auto& m = *machine_;
    for (std::uint32_t i = 0; i < m.destinations.size(); ++i)
        if (m.destinations[i].target == target)
            return m.round_trip(m.uplink_index(uplink), i).timeout(m.options.schedule);
    return m.options.schedule.timeout_cap;
}

namespace {

std::optional<Address> first_of(const std::vector<Address>& addresses, Family family) {
    const auto found = std::ranges::find(addresses, family, &Address::family);
    return found == addresses.end() ? std::nullopt : std::optional(*found);
}

// Beacons of the family, by prefix; prefixes without one are left out.
std::vector<std::vector<std::uint8_t>> beacons_by_prefix(const SetOptions& set, Family family) {
    std::vector<std::pair<std::uint8_t, std::vector<std::uint8_t>>> found;
    for (std::size_t i = 0; i < set.beacons.size(); ++i) {
        if (set.beacons[i].address.family() != family)
            continue;
        const auto prefix = set.beacons[i].prefix;
        auto place =
            std::ranges::find(found, prefix, [](const auto& entry) { return entry.first; });
        if (place == found.end())
            place = found.insert(found.end(), {prefix, {}});
        place->second.push_back(static_cast<std::uint8_t>(i));
    }
    std::vector<std::vector<std::uint8_t>> result;
    for (auto& entry : found)
        result.push_back(std::move(entry.second));
    return result;
}

// One burst at the suspicion rate, which fills again as slowly as the tank of suspicion does. The
// tank alone would not hold: each time suspicion comes and goes, rounds begin anew.
Allowance allowance_of(const Schedule& schedule) {
    const double idle = schedule.idle_rate;
    const double more = schedule.suspect_rate - idle;
    const auto length = static_cast<double>(schedule.burst_length.count()) / 1e9;
    return {more * length + schedule.suspect_rate, idle + more / refill_slowness};
}

}  // namespace

Prober::Machine::Machine(Options given)
    : options(std::move(given)),
      random(options.seed),
      is_usable(options.uplinks.size(), true),
      carried(options.sets.size() * 2),
      total(options.probe_limit.value_or(1)) {
    const auto most = options.schedule.suspect_rate;
    const Allowance allowance = allowance_of(options.schedule);
    for (const auto& target : options.targets) {
        targets_of[static_cast<std::size_t>(target.address.family())].push_back(
            static_cast<std::uint32_t>(destinations.size()));
        destinations.push_back({target.address, RateWindow(most), allowance, false, target.id, none,
                                0, target.second});
    }
    for (std::uint32_t u = 0; u < options.uplinks.size(); ++u) {
        const auto& sentinels = options.uplinks[u].sentinels;
        for (std::size_t i = 0; i < sentinels.size(); ++i)
            destinations.push_back({sentinels[i], RateWindow(most), allowance, false, std::nullopt,
                                    u, static_cast<std::uint16_t>(i), std::nullopt});
    }
    for (std::uint32_t u = 0; u < options.uplinks.size(); ++u) {
        for (const Family family : families) {
            Lane lane;
            lane.uplink = u;
            lane.family = family;
            lane.control = first_of(options.uplinks[u].control_sources, family);
            lane.second_due.resize(destinations.size());
            lane.last_second.resize(destinations.size());
            lanes.push_back(std::move(lane));
        }
        for (std::uint32_t s = 0; s < options.sets.size(); ++s)
            for (const Family family : families) {
                WatchSlot watch;
                watch.uplink = u;
                watch.set = s;
                watch.family = family;
                watch.prefixes = beacons_by_prefix(options.sets[s], family);
                watch.due.resize(destinations.size());
                watch.rounds.resize(destinations.size());
                lanes[lane_index(u, family)].watches.push_back(
                    static_cast<std::uint32_t>(watches.size()));
                watches.push_back(std::move(watch));
            }
    }
    round_trips.resize(options.uplinks.size() * destinations.size());
    for (auto& tank : bursts)
        tank.left = options.schedule.burst_length;
}

// Numbers go on, so that no probe or pair of now is taken for one of before.
void Prober::Machine::take_over(const Machine& before, const Renumbering& ids) {
    random = before.random;
    last_pair = before.last_pair;
    last_number = before.last_number;
    load.withheld = before.load.withheld;
    if (options.probe_limit == before.options.probe_limit)
        total = before.total;
    const bool has_same_rates = options.schedule == before.options.schedule;
    for (std::uint32_t d = 0; d < destinations.size(); ++d) {
        auto& destination = destinations[d];
        const auto known =
            std::ranges::find(before.destinations, destination.address, &Destination::address);
        if (known == before.destinations.end())
            continue;
        if (has_same_rates) {
            destination.window = known->window;
            destination.allowance = known->allowance;
        }
        destination.is_retired = destination.target && known->target && known->is_retired;
        const auto old = static_cast<std::size_t>(known - before.destinations.begin());
        for (std::uint32_t u = 0; u < before.options.uplinks.size(); ++u)
            if (const auto now = ids(before.options.uplinks[u].id))
                round_trip(uplink_index(*now), d) =
                    before.round_trips[u * before.destinations.size() + old];
    }
    for (std::uint32_t u = 0; u < before.options.uplinks.size(); ++u)
        if (const auto now = ids(before.options.uplinks[u].id))
            is_usable[uplink_index(*now)] = before.is_usable[u];
}

std::uint32_t Prober::Machine::uplink_index(UplinkId id) const {
    const auto found = std::ranges::find(options.uplinks, id, &UplinkOptions::id);
    assert(found != options.uplinks.end());
    return static_cast<std::uint32_t>(found - options.uplinks.begin());
}

std::uint32_t Prober::Machine::watch_index(UplinkId uplink, PrefixSetId set, Family family) const {
    const auto found = std::ranges::find(options.sets, set, &SetOptions::id);
    assert(found != options.sets.end());
    const auto s = static_cast<std::uint32_t>(found - options.sets.begin());
    const auto count = static_cast<std::uint32_t>(options.sets.size());
    return (uplink_index(uplink) * count + s) * 2 + static_cast<std::uint32_t>(family);
}

void Prober::Machine::take(Instant now, const Input& input) {
    if (!is_started)
        start(now);
    std::visit([&](const auto& concrete) { on(now, concrete); }, input);
}

// The things that run whatever is announced: T by every uplink, S of every block.
void Prober::Machine::start(Instant now) {
    is_started = true;
    for (auto& tank : bursts)
        tank.updated = now;
    for (std::uint32_t i = 0; i < watches.size(); ++i)
        timers.add(now + random.between({}, half_armed_age()), Due::sentinel, i,
                   watches[i].sentinel_generation);
    repace(now);
}

bool Prober::Machine::is_stale(const Timer& timer) const {
    switch (timer.due) {
        case Due::slot:
            return slots[timer.index].generation != timer.generation;
        case Due::round:
            return lanes[timer.index % lanes.size()].round_generation != timer.generation;
        case Due::tunnel:
            return lanes[timer.index].tunnel_generation != timer.generation;
        case Due::egress:
            return watches[timer.index].egress_generation != timer.generation;
        case Due::sentinel:
            return watches[timer.index].sentinel_generation != timer.generation;
        case Due::walk:
            return walks[timer.index].generation != timer.generation;
        case Due::size:
            return lanes[timer.index].mtu.generation != timer.generation;
        case Due::burst:
            break;
    }
    return bursts[timer.index].generation != timer.generation;
}

void Prober::Machine::drop_stale_timers() {
    while (const Timer* first = timers.first()) {
        if (!is_stale(*first))
            return;
        timers.take();
    }
}

void Prober::Machine::run_timers(Instant now) {
    drop_stale_timers();
    while (const Timer* first = timers.first()) {
        if (first->at > now)
            return;
        fire(now, timers.take());
        drop_stale_timers();
    }
}

void Prober::Machine::fire(Instant now, const Timer& timer) {
    switch (timer.due) {
        case Due::slot:
            switch (slots[timer.index].phase) {
                case Slot::Phase::planned:
                    return send(now, timer.index);
                case Slot::Phase::pending:
                    return lose(now, timer.index);
                case Slot::Phase::late:
                case Slot::Phase::free:
                    return release(timer.index);
            }
            return;
        case Due::round:
            return round(now, timer);
        case Due::tunnel:
            return tunnel(now, timer.index);
        case Due::egress:
            return egress(now, timer.index);
        case Due::sentinel:
            return sentinel(now, timer.index);
        case Due::burst:
            return repace(now);
        case Due::walk:
            return walk_on(now, timer.index);
        case Due::size:
            return try_size(now, lanes[timer.index]);
    }
}

void Prober::Machine::on(Instant, const Tick&) {}

void Prober::Machine::on(Instant, const UplinkUsable& input) {
    is_usable[uplink_index(input.uplink)] = input.state == Usability::usable;
}

void Prober::Machine::on(Instant now, const SetLevel& input) {
    const auto index = watch_index(input.uplink, input.set, input.family);
    auto& watch = watches[index];
    if (watch.level == input.level)
        return;
    const bool was_quick = watch.is_quick();
    const bool was_away = watch.level == Level::away;
    fill_or_spend(now, input.family);
    watch.level = input.level;
    watch.spent = {};
    if (was_away)
        std::ranges::fill(watch.due, now);
    repace(now);
    // S follows at once: what it says counts from the onset, and a canary is short.
    if (watch.is_quick() != was_quick)
        timers.add(now, Due::sentinel, index, ++watch.sentinel_generation);
}

void Prober::Machine::on(Instant now, const Carried& input) {
    const auto set = std::ranges::find(options.sets, input.set, &SetOptions::id);
    assert(set != options.sets.end());
    const auto s = static_cast<std::uint32_t>(set - options.sets.begin());
    auto& now_carried = carried[s * 2 + static_cast<std::uint32_t>(input.family)];
    const auto wanted = input.uplink ? std::optional(uplink_index(*input.uplink)) : std::nullopt;
    if (now_carried == wanted)
        return;
    now_carried = wanted;
    for (std::uint32_t i = 0; i < watches.size(); ++i) {
        auto& watch = watches[i];
        if (watch.set != s || watch.family != input.family)
            continue;
        ++watch.egress_generation;
        if (wanted && watch.uplink != *wanted)
            timers.add(now, Due::egress, i, watch.egress_generation);
    }
    repace(now);
}

void Prober::Machine::on(Instant now, const Reply& input) {
    auto index = answered_by(input);
    if (!index && input.kind == Kind::icmp) {
        const auto error = decode_icmp_error(input.message, input.source, input.destination);
        index = error ? quoted_by(*error, input) : std::nullopt;
        if (index && slots[*index].plan.walk != none)
            return hear_walk(now, *index, input,
                             error->meaning == IcmpError::Meaning::time_exceeded
                                 ? Hop::Says::passed
                                 : Hop::Says::refused);
    }
    if (!index)
        return;
    const auto& slot = slots[*index];
    if (slot.plan.walk != none)
        return hear_walk(now, *index, input, Hop::Says::arrived);
    const Plan answered = slot.plan;
    const auto result = slot.phase == Slot::Phase::late ? Result::reversed : Result::ok;
    round_trip(answered.uplink, answered.destination).add(now - slot.sent);
    finish(now, *index, result, input.arrival);
    release(*index);
    if (answered.probe_class == Class::tunnel)
        learn_mtu(now, answered, result);
}

void Prober::Machine::on(Instant now, const SendFailed& input) {
    for (std::uint32_t i = 0; i < slots.size(); ++i)
        if (slots[i].number == input.probe.value && slots[i].phase == Slot::Phase::pending) {
            const bool is_walk = slots[i].plan.walk != none;  // it goes on, maybe in this slot
            lose(now, i);
            return is_walk ? void() : release(i);
        }
}

void Prober::Machine::on(Instant now, const ProveTunnel& input) {
    auto& lane = lanes[lane_index(uplink_index(input.uplink), input.family)];
    lane.tunnel_retries = 0;
    if (lane.control && !targets(input.family).empty())
        send_tunnel(now, lane);
}

void Prober::Machine::on(Instant now, const SetTarget& input) {
    for (auto& destination : destinations)
        if (destination.target == input.target)
            destination.is_retired = input.state == Retirement::retired;
    repace(now);
}

}  // namespace detour::probe
