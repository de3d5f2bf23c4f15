// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/options.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <variant>

namespace detour::controller {
namespace {

bgp::Community to_bgp(const model::StandardCommunity& community) {
    return bgp::Community(std::uint32_t{community.asn} << 16 | community.value);
}

// Our address that shares the peer's link: what the session is bound to.
std::optional<InterfaceAddress> beside(const std::vector<InterfaceAddress>& addresses,
                                       const Address& peer) {
    for (const InterfaceAddress& address : addresses)
        if (address.network().contains(peer))
            return address;
    return std::nullopt;
}

std::vector<bgp::ImportRule> import_rules(const std::vector<model::ImportRule>& rules) {
    using enum bgp::ImportRule::Verdict;
    std::vector<bgp::ImportRule> result;
    for (const model::ImportRule& rule : rules) {
        bgp::ImportRule& ours = result.emplace_back();
        ours.verdict = rule.action == model::ImportRule::Action::accept ? accept : refuse;
        ours.prefixes = rule.prefixes;
        ours.as_paths = rule.as_paths;
        append(rule.communities, ours.communities, ours.large_communities);
    }
    return result;
}

bgp::PeerConfig peer_config(const model::Config& config, const model::Uplink& uplink,
                            const Address& peer, bgp::PeerId number, const Passwords& passwords) {
    const model::UplinkBgp& bgp = *uplink.bgp;
    bgp::PeerConfig result;
    result.id = number;
    result.name = uplink.name + "/" + peer.to_string();
    const auto local = beside(config.link_addresses(uplink.id), peer);
    result.transport.local = local ? local->address : Address{};
    result.transport.remote = peer;
    result.transport.device = config.interface_name(uplink.id);
    if (const auto password = passwords.find(uplink.id); password != passwords.end())
        result.transport.password = password->second;
    if (bgp.has_ttl_security)
        result.transport.ttl_security_hops = 1;
    result.asn = bgp.asn;
    result.timers.hold = bgp.hold;
    for (const Family family : families)
        if (const auto address = config.link_address(uplink.id, family))
            result.next_hops[static_cast<std::size_t>(family)] = address->address;
    result.max_prefixes = bgp.max_prefixes;
    result.max_prefixes_warning = bgp.max_prefixes_warning;
    result.timers.max_prefix_restart = bgp.max_prefixes_restart;
    if (bgp.import)
        result.import = import_rules(*bgp.import);
    return result;
}

// Probing counts prefixes over the whole set, the decision within a family.
enum class Numbering : std::uint8_t { of_set, of_family };

template <class Beacon>
std::vector<Beacon> beacons_of(const model::PrefixSet& set, Numbering numbering) {
    std::vector<Beacon> beacons;
    for (const Address& address : set.beacons) {
        std::uint8_t index = 0;
        for (const Prefix& prefix : set.prefixes) {
            if (prefix.contains(address))
                break;
            if (numbering == Numbering::of_set || prefix.family() == address.family())
                ++index;
        }
        beacons.push_back({address, index});
    }
    return beacons;
}

std::optional<probe::SecondKind> second_kind(const model::Target& target) {
    if (!target.second)
        return std::nullopt;
    const bool is_tcp = target.second->protocol == model::SecondKind::Protocol::tcp;
    return probe::SecondKind{is_tcp ? probe::Kind::tcp : probe::Kind::udp, target.second->port};
}

bool has_family(const std::vector<Prefix>& prefixes, Family family) {
    return std::ranges::any_of(prefixes,
                               [&](const Prefix& prefix) { return prefix.family() == family; });
}

decision::FailBack fail_back(model::FailBack mode) {
    switch (mode) {
        case model::FailBack::manual:
            return decision::FailBack::manual;
        case model::FailBack::window:
            return decision::FailBack::window;
        case model::FailBack::automatic:
            return decision::FailBack::automatic;
    }
    return decision::FailBack::manual;
}

}  // namespace

decision::Thresholds thresholds(const model::Timing& timing) {
    decision::Thresholds result;
    result.t_min = timing.forgiven_gap;
    result.scheduling_gap = timing.scheduling_gap;
    result.reply_timeout = timing.timeout_floor;
    result.gate = timing.withdraw_gate;
    result.stable_time = timing.stable_time;
    result.mass_window = timing.mass_window;
    result.startup_grace = timing.start_up_grace;
    result.link_grace = timing.link_up_grace;
    result.armed_age = timing.armed_age;
    result.first_life = timing.first_life;
    result.complete = timing.complete;
    result.overlap = timing.overlap;
    result.stair_step = timing.stair_step;
    result.canary = timing.canary;
    result.canary_every = timing.canary_interval;
    result.acknowledge = timing.acknowledge;
    return result;
}

probe::Schedule schedule(const model::Timing& timing) {
    return {.idle_interval = timing.idle_interval,
            .suspect_interval = timing.suspect_interval,
            .timeout_floor = timing.timeout_floor,
            .timeout_cap = timing.timeout_cap,
            .timeout_pad = timing.timeout_pad,
            .gap_min = timing.pair_gap_min,
            .gap_max = timing.pair_gap_max,
            .armed_age = timing.armed_age,
            .idle_rate = timing.idle_rate,
            .suspect_rate = timing.suspect_rate,
            .burst_length = timing.suspect_time,
            .burst_share = std::min(timing.suspect_time, 4 * timing.forgiven_gap),
            .late_reply = timing.late_reply};
}

PeerBook::PeerBook(const model::Config& config, const PeerBook& before) : rows_(before.rows_) {
    for (Row& row : rows_)
        row.id.reset();
    for (const model::Uplink& uplink : config.uplinks) {
        if (!uplink.bgp)
            continue;
        for (const Address& peer : uplink.bgp->peers) {
            const auto known = std::ranges::find_if(rows_, [&](const Row& row) {
                return row.uplink == uplink.name && row.peer == peer;
            });
            if (known != rows_.end())
                known->id = uplink.id;
            else
                rows_.push_back({uplink.name, peer, uplink.id});
        }
    }
}

bgp::PeerId PeerBook::number(const std::string& uplink, const Address& peer) const {
    const auto found = std::ranges::find_if(
        rows_, [&](const Row& row) { return row.uplink == uplink && row.peer == peer; });
    assert(found != rows_.end());
    return bgp::PeerId(static_cast<std::uint16_t>(found - rows_.begin()));
}

std::vector<bgp::PeerId> PeerBook::peers() const {
    std::vector<bgp::PeerId> result;
    for (std::size_t i = 0; i < rows_.size(); ++i)
        if (rows_[i].id)
            result.emplace_back(static_cast<std::uint16_t>(i));
    return result;
}

std::vector<bgp::PeerId> PeerBook::peers_of(UplinkId uplink) const {
    std::vector<bgp::PeerId> result;
    for (std::size_t i = 0; i < rows_.size(); ++i)
        if (rows_[i].id == uplink)
            result.emplace_back(static_cast<std::uint16_t>(i));
    return result;
}

bgp::SpeakerConfig speaker_config(const model::Config& config, const Passwords& passwords,
                                  const PeerBook& peers) {
    bgp::SpeakerConfig result;
    result.asn = config.router.asn;
    result.router_id = config.router.id;
    for (const model::PrefixSet& set : config.prefix_sets)
        result.declared.insert(result.declared.end(), set.prefixes.begin(), set.prefixes.end());
    for (const model::Uplink& uplink : config.uplinks) {
        if (!uplink.bgp)
            continue;
        for (const Address& peer : uplink.bgp->peers)
            result.peers.push_back(
                peer_config(config, uplink, peer, peers.number(uplink.name, peer), passwords));
    }
    return result;
}

probe::Options probe_options(const model::Config& config, std::uint64_t seed) {
    probe::Options result;
    result.seed = seed;
    result.schedule = schedule(config.timing);
    for (const model::Uplink& uplink : config.uplinks)
        result.uplinks.push_back({.id = uplink.id,
                                  .control_sources = uplink.control_sources,
                                  .sentinels = uplink.sentinels,
                                  .mtu = config.mtu(uplink)});
    for (const model::PrefixSet& set : config.prefix_sets)
        result.sets.push_back({set.id, beacons_of<probe::BeaconOptions>(set, Numbering::of_set)});
    for (const model::Target& target : config.detect.targets)
        result.targets.push_back({target.id, target.address, second_kind(target)});
    result.probe_limit = config.detect.probe_limit;
    return result;
}

decision::Options decision_options(const model::Config& config) {
    decision::Options result;
    result.mode = config.router.mode == model::Mode::automatic ? decision::Mode::automatic
                                                               : decision::Mode::advise;
    result.thresholds = thresholds(config.timing);
    result.fail_back = fail_back(config.policy.fail_back);
    for (const model::Uplink& uplink : config.uplinks) {
        decision::UplinkOptions options;
        options.id = uplink.id;
        options.name = uplink.name;
        options.has_session = uplink.bgp.has_value();
        options.limit = uplink.limit;
        options.carries_ipv4 = config.link_address(uplink.id, Family::ipv4).has_value();
        options.carries_ipv6 = config.link_address(uplink.id, Family::ipv6).has_value();
        options.sentinels = uplink.sentinels;
        if (uplink.bgp) {
            options.asn = uplink.bgp->asn;
            for (const model::Community& community : uplink.bgp->canary_communities)
                if (const auto* standard = std::get_if<model::StandardCommunity>(&community))
                    options.canary_communities.push_back(to_bgp(*standard).value);
        }
        result.uplinks.push_back(std::move(options));
    }
    for (const model::PrefixSet& set : config.prefix_sets)
        result.sets.push_back(
            {.id = set.id,
             .name = set.name,
             .beacons = beacons_of<decision::BeaconOptions>(set, Numbering::of_family),
             .has_ipv4 = has_family(set.prefixes, Family::ipv4),
             .has_ipv6 = has_family(set.prefixes, Family::ipv6)});
    for (const model::Target& target : config.detect.targets)
        result.targets.push_back({target.id, target.asn, target.address.family()});
    return result;
}

void append(const std::vector<model::Community>& communities, std::vector<bgp::Community>& standard,
            std::vector<bgp::LargeCommunity>& large) {
    for (const model::Community& community : communities)
        if (const auto* each = std::get_if<model::LargeCommunity>(&community))
            large.push_back({each->asn, each->function, each->parameter});
        else
            standard.push_back(to_bgp(std::get<model::StandardCommunity>(community)));
}

std::vector<Prefix> prefixes_of(const model::Config& config, const decision::Block& block) {
    std::vector<Prefix> result;
    for (const Prefix& prefix : config.prefix_set(block.set).prefixes)
        if (prefix.family() == block.family)
            result.push_back(prefix);
    return result;
}

bool is_upstream(const model::Uplink& uplink, AsNumber asn) {
    return std::ranges::find(uplink.upstreams, asn) != uplink.upstreams.end();
}

}  // namespace detour::controller
