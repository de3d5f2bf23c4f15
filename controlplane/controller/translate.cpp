// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/translate.h"

#include <utility>

namespace detour::controller {
namespace {

decision::ProbeClass to_class(probe::Class probe_class) {
    switch (probe_class) {
        case probe::Class::control:
            return decision::ProbeClass::control;
        case probe::Class::beacon:
            return decision::ProbeClass::beacon;
        case probe::Class::sentinel:
            return decision::ProbeClass::sentinel;
        case probe::Class::tunnel:
            return decision::ProbeClass::tunnel;
        case probe::Class::egress:
            return decision::ProbeClass::egress;
        case probe::Class::walk:
            break;  // it ends in Walked, never in an Outcome
    }
    std::unreachable();
}

decision::ProbeKind to_kind(probe::Kind kind) {
    switch (kind) {
        case probe::Kind::icmp:
            return decision::ProbeKind::icmp;
        case probe::Kind::tcp:
            return decision::ProbeKind::tcp;
        case probe::Kind::udp:
            return decision::ProbeKind::udp;
    }
    std::unreachable();
}

decision::Result to_result(probe::Result result) {
    switch (result) {
        case probe::Result::ok:
            return decision::Result::ok;
        case probe::Result::lost:
            return decision::Result::lost;
        case probe::Result::reversed:
            return decision::Result::reversed;
    }
    std::unreachable();
}

}  // namespace

decision::ProbeOutcome to_evidence(const probe::Outcome& outcome) {
    return {.probe_class = to_class(outcome.probe_class),
            .kind = to_kind(outcome.kind),
            .family = outcome.family,
            .uplink = outcome.uplink,
            .set = outcome.set,
            .beacon = outcome.beacon,
            .target = outcome.target,
            .sentinel_of = outcome.sentinel_of,
            .sentinel = outcome.sentinel,
            .pair = outcome.pair,
            .is_full_size = outcome.is_full_size,
            .sent = outcome.sent,
            .result = to_result(outcome.result),
            .rtt = outcome.rtt,
            .arrival = outcome.arrival};
}

decision::PathMtu to_evidence(const probe::PathMtu& found) {
    return {found.uplink, found.family, found.mtu, found.wanted};
}

probe::Level to_level(decision::Watch watch) {
    switch (watch) {
        case decision::Watch::away:
            return probe::Level::away;
        case decision::Watch::watched:
            return probe::Level::watched;
        case decision::Watch::suspect:
            return probe::Level::suspect;
        case decision::Watch::canary:
            return probe::Level::canary;
    }
    std::unreachable();
}

decision::SessionState session_state(const bgp::Speaker& speaker,
                                     const std::vector<bgp::PeerId>& peers, Family family) {
    bool is_refused = false;
    bool is_restarting = false;
    for (const bgp::PeerId id : peers) {
        const auto peer = speaker.peer(id);
        if (!peer)
            continue;
        if (peer->state == bgp::State::established && peer->negotiated &&
            peer->negotiated->carries(family))
            return decision::SessionState::established;
        is_restarting |= peer->restarting_until.has_value() || peer->kept_until.has_value();
        is_refused |=
            peer->last_error && peer->last_error->reason == bgp::DownReason::peer_shut_down;
    }
    if (is_restarting)
        return decision::SessionState::down_restarting;
    return is_refused ? decision::SessionState::down_refused : decision::SessionState::down;
}

std::vector<decision::PortLoad> PortLoads::measure(Instant now,
                                                   const std::vector<decision::Counters>& counters,
                                                   const model::Config& config) {
    std::map<UplinkId, std::uint64_t> totals;
    for (const decision::Counters& row : counters)
        totals[row.uplink] += row.bytes_in;
    std::vector<decision::PortLoad> result;
    for (const auto& [uplink, bytes] : totals) {
        const auto limit = config.uplink(uplink).limit;
        const auto known = last_.find(uplink);
        if (limit && known != last_.end() && bytes >= known->second.bytes &&
            now > known->second.at) {
            const double seconds = std::chrono::duration<double>(now - known->second.at).count();
            const double bits = static_cast<double>(bytes - known->second.bytes) * 8;
            result.push_back(
                {uplink, bits / seconds / static_cast<double>(limit->bits_per_second)});
        }
        last_[uplink] = {now, bytes};
    }
    return result;
}

}  // namespace detour::controller
