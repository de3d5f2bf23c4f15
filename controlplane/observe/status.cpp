// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/status.h"

#include <algorithm>

#include "controlplane/observe/decision_json.h"

namespace detour::observe {
namespace {

using nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
    return value ? json(*value) : json(nullptr);
}

json age_or_null(const std::optional<Duration>& age) {
    return age ? json(to_seconds(*age)) : json(nullptr);
}

json by_family(const std::array<std::size_t, 2>& counts) {
    return {{"ipv4", counts[0]}, {"ipv6", counts[1]}};
}

json peer_json(const bgp::PeerView& peer, Instant now) {
    json result{{"peer", peer.remote.to_string()},
                {"asn", peer.asn.value},
                {"state", to_string(peer.state)},
                {"since_s", to_seconds(now - peer.since)},
                {"received", by_family(peer.received)},
                {"accepted", by_family(peer.accepted)},
                {"max_prefixes", peer.max_prefixes},
                {"near_limit", peer.is_near_limit[0] || peer.is_near_limit[1]},
                {"announced", by_family(peer.announced)},
                {"established_count", peer.established_count}};
    if (peer.restarting_until)
        result["restarting_s"] =
            to_seconds(std::max<Duration>(*peer.restarting_until - now, Duration::zero()));
    if (peer.stale[0] + peer.stale[1] != 0)
        result["stale"] = by_family(peer.stale);
    if (peer.treated_as_withdraw != 0)
        result["treated_as_withdraw"] = peer.treated_as_withdraw;
    if (peer.negotiated)
        result["hold_s"] = to_seconds(peer.negotiated->hold);
    if (peer.last_error)
        result["last_error"] = {{"reason", to_string(peer.last_error->reason)},
                                {"text", peer.last_error->text},
                                {"age_s", to_seconds(now - peer.last_error_at)}};
    return result;
}

json watch_json(const decision::WatchView& watch, Instant now, const Names& names) {
    return {{"set", names(watch.block.set)},
            {"family", to_string(watch.block.family)},
            {"verdict", to_string(watch.verdict)},
            {"place", to_string(watch.place)},
            {"since_s", to_seconds(now - watch.since)},
            {"confidence", watch.confidence},
            {"lost_targets", watch.lost_targets},
            {"homed_targets", watch.homed_targets},
            {"loss",
             {{"control", or_null(watch.control_loss)},
              {"beacon", or_null(watch.beacon_loss)},
              {"sentinel", or_null(watch.sentinel_loss)}}},
            {"tunnel_age_s", age_or_null(watch.tunnel_age)},
            {"egress_age_s", age_or_null(watch.egress_age)},
            {"packets_per_second", or_null(watch.packets_per_second)},
            {"armed", watch.is_armed},
            {"armed_why", to_json(watch.armed)},
            {"why", to_json(watch.why)}};
}

json block_json(const decision::BlockView& block, Instant now, const Names& names) {
    json prefixes = json::array();
    for (const Prefix& prefix : controller::prefixes_of(names.config(), block.block))
        prefixes.push_back(prefix.to_string());
    json announced = json::array();
    for (const decision::AnnouncedState& state : block.announced) {
        json row = to_json(state.announcement);
        row["uplink"] = names(state.uplink);
        announced.push_back(std::move(row));
    }
    json result{{"set", names(block.block.set)},
                {"family", to_string(block.block.family)},
                {"prefixes", std::move(prefixes)},
                {"uplink", names(block.egress)},
                {"home", names(block.home)},
                {"since_s", to_seconds(now - block.since)},
                {"placed_by", to_string(block.placed_by)},
                {"announced", std::move(announced)},
                {"move", nullptr},
                {"next", to_json(block.next)},
                {"next_in_s", nullptr},
                {"command", nullptr}};
    if (block.advice)
        result["command"] = command(*block.advice, block.block.set, names);
    if (block.move) {
        result["move"] = {{"kind", to_string(*block.move)}, {"step", to_string(block.step)}};
        if (block.to)
            result["move"]["to"] = names(*block.to);
    }
    if (block.next_at)
        result["next_in_s"] = to_seconds(*block.next_at - now);
    return result;
}

}  // namespace

json status_json(const controller::View& view, const Names& names) {
    const model::Config& config = names.config();
    json result{
        {"router", config.router.name},
        {"asn", config.router.asn.value},
        {"mode", view.decision.mode == decision::Mode::automatic ? "auto" : "advise"},
        {"profile", model::to_string(config.detect.profile)},
        {"uptime_s", to_seconds(view.at - view.started)},
        {"frozen", view.decision.is_frozen},
        {"veto", view.decision.veto},
        {"dataplane",
         {{"kind", config.dataplane.kind == model::DataplaneKind::dpdk ? "dpdk" : "kernel"},
          {"telemetry", view.telemetry == decision::Telemetry::present ? "present" : "lost"},
          {"since_s", to_seconds(view.at - view.telemetry_since)}}},
        {"probes",
         {{"planned_per_second", view.probes.planned_per_second},
          {"stretch", view.probes.stretch},
          {"withheld", view.probes.withheld}}},
        {"uplinks", json::array()},
        {"sets", json::array()}};
    for (const controller::UplinkView& uplink : view.uplinks) {
        json row{
            {"name", names(uplink.id)},
            {"kind", config.uplink(uplink.id).kind == model::UplinkKind::gre ? "gre" : "direct"},
            {"link", uplink.link == decision::Presence::up ? "up" : "down"},
            {"since_s", to_seconds(view.at - uplink.link_since)},
            {"mtu", uplink.mtu},
            {"path_mtu",
             {{"ipv4", or_null(uplink.path_mtus[0])}, {"ipv6", or_null(uplink.path_mtus[1])}}},
            {"shares_fate_with", json::array()},
            {"bgp", json::array()},
            {"blocks", json::array()}};
        for (const UplinkId other : uplink.shares_fate_with)
            row["shares_fate_with"].push_back(names(other));
        for (const bgp::PeerView& peer : uplink.peers)
            row["bgp"].push_back(peer_json(peer, view.at));
        for (const decision::WatchView& watch : view.decision.watches)
            if (watch.uplink == uplink.id)
                row["blocks"].push_back(watch_json(watch, view.at, names));
        result["uplinks"].push_back(std::move(row));
    }
    for (const decision::BlockView& block : view.decision.blocks)
        result["sets"].push_back(block_json(block, view.at, names));
    return result;
}

}  // namespace detour::observe
