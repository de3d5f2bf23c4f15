// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/world/internet.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "controlplane/probe/answer.h"

namespace sim {

using detour::Address;
using detour::Family;

namespace {

constexpr std::uint32_t nobody = 0xffffffff;

// As a correct host answers.
bool write_answer(const detour::probe::Send& probe, Packet& reply) {
    if (probe.kind == detour::probe::Kind::icmp) {
        const auto head = detour::probe::answer_echo_request(probe.head, probe.size, probe.source,
                                                             probe.destination);
        if (head)
            reply.head = *head;
        reply.size = probe.size;
        return head.has_value();
    }
    auto answer = detour::probe::answer(probe);
    if (!answer)
        return false;
    reply.kind = answer->kind;
    reply.message = std::move(answer->message);
    return true;
}

std::vector<Territory> territories_of(const detour::model::Config& config) {
    std::vector<Territory> result;
    for (const auto& set : config.prefix_sets)
        for (const auto& prefix : set.prefixes) {
            Territory territory{{set.id, prefix.family()}, prefix, {}};
            for (const Address& beacon : set.beacons)
                if (prefix.contains(beacon))
                    territory.beacons.push_back(beacon);
            result.push_back(std::move(territory));
        }
    return result;
}

}  // namespace

Internet::Internet(Agenda& agenda, const detour::model::Config& config, const Shape& shape,
                   const Weather& weather, Dice dice)
    : agenda_(agenda),
      config_(config),
      dice_(dice.fork(1)),
      jitter_(weather.jitter),
      routes_(agenda, dice.fork(2), shape,
              static_cast<std::uint32_t>(territories_of(config).size()), weather.temper),
      territories_(territories_of(config)),
      round_trip_(weather.round_trip),
      traffic_(weather.traffic),
      integrated_(agenda.now()) {
    uplinks_.resize(config.uplinks.size());
    place_hosts();
    const std::size_t hosts = targets_.size();
    for (std::uint32_t u = 0; u < uplinks_.size(); ++u) {
        Uplink& uplink = uplinks_[u];
        uplink.nuisances.resize(territories_.size());
        const auto limit = config.uplinks[u].limit;
        uplink.capacity = limit ? static_cast<double>(limit->bits_per_second) : 1e12;
        // A tenth of the bursts hits all paths of an uplink; of the rest half each way.
        const double shared = *std::ranges::min_element(weather.loss[u]) / 10;
        for (std::uint32_t h = 0; h < hosts; ++h) {
            const double own = (weather.loss[u][target_network_[h]] - shared) / 2;
            uplink.out.emplace_back(dice.fork(1000 + u * 100 + h), own, weather.depth);
            uplink.in.emplace_back(dice.fork(2000 + u * 100 + h), own, weather.depth);
        }
        uplink.shared.emplace(dice.fork(3000 + u), shared, 1);
        if (uplink.shared->has_bursts())
            watch_bursts(u);
    }
    rates_.resize(uplinks_.size() * territories_.size());
    counted_.resize(rates_.size());
    truth_.resize(rates_.size());
    homes_.assign(target_networks * territories_.size(), nobody);
    routes_.on_change = [this] { touch(); };
}

// Targets first, then sentinels; each is a host with a number.
void Internet::place_hosts() {
    using Kind = Whereabouts::Kind;
    place_targets();
    for (std::uint32_t u = 0; u < uplinks_.size(); ++u) {
        const auto& uplink = config_.uplinks[u];
        for (const Address& sentinel : uplink.sentinels) {
            const auto host = static_cast<std::uint32_t>(targets_.size());
            targets_.emplace_back();
            target_network_.push_back(u % target_networks);
            addresses_[sentinel] = {Kind::sentinel, host, u, u};
        }
        for (const Address& control : uplink.control_sources)
            addresses_[control] = {Kind::control, 0, u, u};
    }
    for (std::uint32_t t = 0; t < territories_.size(); ++t)
        for (std::uint32_t i = 0; i < territories_[t].beacons.size(); ++i)
            addresses_[territories_[t].beacons[i]] = {Kind::beacon, i, t, 0};
}

void Internet::place_targets() {
    std::vector<detour::AsNumber> known;
    for (const auto& target : config_.detect.targets) {
        auto found = std::ranges::find(known, target.asn);
        if (found == known.end())
            found = known.insert(known.end(), target.asn);
        const auto network = static_cast<std::uint32_t>(found - known.begin()) % target_networks;
        const auto host = static_cast<std::uint32_t>(targets_.size());
        targets_.push_back({.family = target.address.family(), .is_target = true});
        target_network_.push_back(network);
        addresses_[target.address] = {Whereabouts::Kind::target, host, 0,
                                      routes_.target_network(network)};
    }
}

std::optional<std::uint32_t> Internet::territory_of(const detour::Prefix& prefix) const {
    const auto found = std::ranges::find(territories_, prefix, &Territory::prefix);
    return found == territories_.end()
               ? std::nullopt
               : std::optional(static_cast<std::uint32_t>(found - territories_.begin()));
}

std::uint32_t Internet::speaking_targets(std::uint32_t uplink, std::uint32_t territory) const {
    const detour::Family family = territories_[territory].block.family;
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
        const Host& host = targets_[i];
        const bool is_homed =
            homes_[target_network_[i] * territories_.size() + territory] == uplink;
        const bool speaks = host.is_target && host.dead == 0 && host.family == family &&
                            host.spacing < std::chrono::milliseconds(100);
        count += is_homed && speaks ? 1 : 0;
    }
    return count;
}

void Internet::watch_bursts(std::uint32_t u) {
    const auto burst = uplinks_[u].shared->burst(agenda_.now());
    agenda_.at(burst.begin, [this, u] {
        touch();
        uplinks_[u].is_bursting = true;
    });
    agenda_.at(burst.end, [this, u] {
        touch();
        uplinks_[u].is_bursting = false;
        watch_bursts(u);
    });
}

// ---- where packets go

bool Internet::is_swallowed(const NullRoute& route, Network source, Network at,
                            bool has_come_from_outside, std::uint32_t beacon) const {
    if (route.at != at)
        return false;
    switch (route.place) {
        case Place::inside:
            return true;
        case Place::border:
            return has_come_from_outside;
        case Place::half_border:
            return source == routes_.target_network(0);
        case Place::host:
            return beacon == 0;
    }
    return false;
}

// The uplink to which the routes lead.
std::optional<std::uint32_t> Internet::led_to(Network at, std::uint32_t territory) const {
    for (std::uint32_t hops = 0; hops <= routes_.network_count(); ++hops) {
        const Routes::Way& way = routes_.way(at, territory);
        if (way.to == Routes::Way::To::nowhere)
            return std::nullopt;
        if (way.to == Routes::Way::To::box)
            return at;
        at = way.network;
    }
    return std::nullopt;
}

Internet::Fate Internet::walk(Network from, std::uint32_t territory, std::uint32_t beacon) const {
    Network at = from;
    for (std::uint32_t hops = 0; hops <= routes_.network_count(); ++hops) {
        for (const NullRoute& route : null_routes_)
            if (route.territory == territory && is_swallowed(route, from, at, hops != 0, beacon))
                return {.wanted = led_to(at, territory)};
        const Routes::Way& way = routes_.way(at, territory);
        switch (way.to) {
            case Routes::Way::To::nowhere:
                return {};
            case Routes::Way::To::box:
                return {true, at};
            case Routes::Way::To::network:
                at = way.network;
        }
    }
    return {};  // a loop, for the moment
}

std::uint64_t Internet::add_null_route(NullRoute route) {
    touch();
    route.id = ++last_null_route_;
    null_routes_.push_back(route);
    return route.id;
}

void Internet::remove_null_route(std::uint64_t id) {
    touch();
    std::erase_if(null_routes_, [&](const NullRoute& route) { return route.id == id; });
}

bool Internet::is_circuit_alive(std::uint32_t u) const {
    const Trouble& trouble = uplinks_[u].trouble;
    return trouble.without_carrier == 0 && trouble.dark == 0 && !uplinks_[u].is_bursting;
}

bool Internet::is_uplink_alive(std::uint32_t u) const {
    const Trouble& trouble = uplinks_[u].trouble;
    return is_circuit_alive(u) && trouble.core_fault == 0 && trouble.isolated == 0;
}

// A flow keeps to its member of the eight; it is named by what routers hash.
bool Internet::passes_port(Uplink& uplink, const detour::probe::Send& probe, std::uint64_t salt) {
    const Trouble& trouble = uplink.trouble;
    if (trouble.loss > 0 && dice_.chance(trouble.loss))
        return false;
    if (uplink.overflow > 0 && dice_.chance(uplink.overflow))
        return false;
    if (trouble.dead_members == 0)
        return true;
    // The identifier of an echo, the source port of the others.
    const std::size_t at = probe.kind == detour::probe::Kind::icmp ? 4 : 0;
    const std::uint64_t flow = static_cast<std::uint64_t>(probe.head[at]) << 8 | probe.head[at + 1];
    const std::uint64_t ends =
        std::hash<Address>{}(probe.source) * 31 + std::hash<Address>{}(probe.destination);
    return Dice(flow ^ ends << 20 ^ salt).index(8) >= trouble.dead_members;
}

// The provider's own network, either way.
bool Internet::crosses(const detour::probe::Send& probe, std::uint32_t u,
                       const Whereabouts& destination) const {
    const Trouble& trouble = uplinks_[u].trouble;
    const bool is_own_sentinel =
        destination.kind == Whereabouts::Kind::sentinel && destination.of == u;
    return is_circuit_alive(u) && trouble.core_fault == 0 &&
           (trouble.isolated == 0 || is_own_sentinel) && probe.size + 20U <= trouble.mtu;
}

bool Internet::leaves(const detour::probe::Send& probe, const Whereabouts& source,
                      const Whereabouts& destination) {
    const std::uint32_t u = probe.uplink.value;
    Uplink& uplink = uplinks_[u];
    if (!crosses(probe, u, destination))
        return false;
    if (source.kind == Whereabouts::Kind::control && uplink.trouble.control_dead != 0)
        return false;
    if (source.kind == Whereabouts::Kind::beacon) {
        if (uplink.nuisances[source.of].source_refused != 0)
            return false;
        for (const NullRoute& route : null_routes_)
            if (route.has_urpf && route.at == u && route.territory == source.of)
                return false;
    }
    return passes_port(uplink, probe, 1) && !uplink.out[destination.index].loses(agenda_.now());
}

bool Internet::enters(const detour::probe::Send& probe, std::uint32_t u, const Whereabouts& source,
                      const Whereabouts& destination) {
    Uplink& uplink = uplinks_[u];
    if (!crosses(probe, u, destination))
        return false;
    if (source.kind == Whereabouts::Kind::beacon) {
        const Nuisance& nuisance = uplink.nuisances[source.of];
        const bool is_ping = probe.kind == detour::probe::Kind::icmp;
        if (is_ping && (nuisance.pings_filtered != 0 || nuisance.scrubbed))
            return false;
        if (nuisance.loss > 0 && dice_.chance(nuisance.loss))
            return false;
    }
    return passes_port(uplink, probe, 2) && !uplink.in[destination.index].loses(agenda_.now());
}

void Internet::send(const detour::probe::Send& probe) {
    const Whereabouts& source = addresses_.at(probe.source);
    const Whereabouts& destination = addresses_.at(probe.destination);
    if (!leaves(probe, source, destination))
        return;
    const bool is_sentinel = destination.kind == Whereabouts::Kind::sentinel;
    if (is_sentinel && (uplinks_[destination.of].trouble.sentinels_dead != 0 ||
                        uplinks_[destination.of].trouble.core_fault != 0))
        return;
    Host& host = targets_[destination.index];
    const Instant now = agenda_.now();
    if (host.dead != 0)
        return;
    if (host.spacing > Duration{}) {
        if (host.answered != Instant::min() && now - host.answered < host.spacing)
            return;
        host.answered = now;
    }
    Fate fate{true, source.of};
    if (source.kind == Whereabouts::Kind::beacon)
        fate = walk(destination.network, source.of, source.index);
    if (!fate.arrives || !enters(probe, fate.uplink, source, destination))
        return;
    Packet reply{.arrival = detour::UplinkId(static_cast<std::uint16_t>(fate.uplink)),
                 .source = probe.destination,
                 .destination = probe.source,
                 .probe_class = probe.probe_class,
                 .sent_by = probe.uplink,
                 .is_full_size = probe.size > detour::probe::echo_head_size};
    if (!write_answer(probe, reply))
        return;
    const bool is_filtered = source.kind == Whereabouts::Kind::beacon &&
                             uplinks_[fate.uplink].nuisances[source.of].pings_filtered != 0;
    if (is_filtered && reply.kind == detour::probe::Kind::icmp)
        return;  // a port that is closed is told of by ICMP
    const std::uint32_t network = target_network_[destination.index];
    const Duration mean =
        (round_trip_[probe.uplink.value][network] + round_trip_[fate.uplink][network]) / 2;
    const Duration rtt = mean + seconds(dice_.exponential(in_seconds(mean) * jitter_));
    agenda_.deliver(now + rtt, reply);
}

}  // namespace sim
