// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/assemble.h"

#include <cassert>

namespace detour::model {
namespace {

// Leaves the default where nothing was given.
template <class T, class Value>
void take(T& out, const Given<Value>& given) {
    if (given)
        out = given->value;
}

template <class T>
std::vector<T> values_of(const List<T>& located) {
    std::vector<T> values;
    values.reserve(located.size());
    for (const Located<T>& item : located)
        values.push_back(item.value);
    return values;
}

PortId port_id(const Draft& draft, const PortDraft* port) {
    assert(port != nullptr);
    return PortId(static_cast<std::uint16_t>(port - draft.ports.data()));
}

Port assemble_port(const Draft& whole, const PortDraft& draft) {
    Port port;
    port.id = port_id(whole, &draft);
    port.name = draft.name;
    take(port.device, draft.device);
    if (draft.parent)
        port.parent = port_id(whole, whole.find_port(draft.parent->value));
    take(port.vlan, draft.vlan);
    port.addresses = values_of(draft.addresses);
    port.mtu = whole.mtu_of(draft).value_or(port.mtu);
    take(port.source_check, draft.source_check);
    port.position = draft.place.position;
    return port;
}

Underlay assemble_underlay(const UnderlayDraft& draft, PortId port) {
    Underlay underlay;
    underlay.port = port;
    take(underlay.local, draft.local);
    take(underlay.remote, draft.remote);
    take(underlay.gateway, draft.gateway);
    take(underlay.key, draft.key);
    take(underlay.ttl, draft.ttl);
    take(underlay.has_checksum, draft.checksum);
    take(underlay.has_sequence, draft.sequence);
    take(underlay.has_reassembly, draft.reassembly);
    take(underlay.dscp, draft.dscp);
    take(underlay.dont_fragment, draft.dont_fragment);
    take(underlay.mtu, draft.mtu);
    take(underlay.mss, draft.mss);
    take(underlay.keepalive, draft.keepalive);
    take(underlay.keepalive_retries, draft.keepalive_retries);
    return underlay;
}

std::vector<ImportRule> assemble_import(const std::vector<ImportRuleDraft>& drafts) {
    std::vector<ImportRule> rules;
    for (const ImportRuleDraft& draft : drafts) {
        ImportRule rule;
        take(rule.action, draft.action);
        rule.prefixes = values_of(draft.prefixes);
        rule.as_paths = values_of(draft.as_paths);
        rule.communities = values_of(draft.communities);
        rules.push_back(std::move(rule));
    }
    return rules;
}

ExportPolicy assemble_export(const ExportDraft& draft) {
    ExportPolicy policy;
    take(policy.prepend, draft.prepend);
    take(policy.med, draft.med);
    policy.communities = values_of(draft.communities);
    take(policy.limit, draft.limit);
    return policy;
}

UplinkBgp assemble_bgp(const BgpDraft& draft, const std::filesystem::path& directory) {
    UplinkBgp bgp;
    bgp.peers = values_of(draft.peers);
    take(bgp.asn, draft.asn);
    if (draft.password_file)
        bgp.password_file = (directory / draft.password_file->value).lexically_normal();
    take(bgp.has_ttl_security, draft.ttl_security);
    take(bgp.hold, draft.hold);
    take(bgp.max_prefixes, draft.max_prefixes);
    take(bgp.max_prefixes_warning, draft.max_prefixes_warning);
    take(bgp.max_prefixes_restart, draft.max_prefixes_restart);
    if (draft.has_import)
        bgp.import = assemble_import(draft.import);
    if (draft.exported)
        bgp.exported = assemble_export(*draft.exported);
    bgp.canary_communities = values_of(draft.canary_communities);
    bgp.position = draft.place.position;
    return bgp;
}

Uplink assemble_uplink(const Draft& whole, const UplinkDraft& draft, UplinkId id) {
    Uplink uplink;
    uplink.id = id;
    uplink.name = draft.name;
    take(uplink.kind, draft.kind);
    uplink.port = port_id(whole, whole.port_of(draft));
    if (draft.underlay)
        uplink.underlay = assemble_underlay(*draft.underlay, uplink.port);
    uplink.inner = values_of(draft.inner);
    uplink.gateways = values_of(draft.gateways);
    uplink.control_sources = values_of(draft.control_sources);
    uplink.sentinels = values_of(draft.sentinels);
    if (draft.bgp)
        uplink.bgp = assemble_bgp(*draft.bgp, whole.directory);
    uplink.upstreams = values_of(draft.upstreams);
    take(uplink.limit, draft.limit);
    uplink.position = draft.place.position;
    return uplink;
}

Detect assemble_detect(const Draft& draft) {
    Detect detect;
    take(detect.profile, draft.profile);
    for (const TargetDraft& target : draft.targets)
        for (const auto& address : target.addresses)
            detect.targets.push_back({TargetId(static_cast<std::uint16_t>(detect.targets.size())),
                                      target.asn->value, address.value, target.is_own(),
                                      target.second ? target.second->value : SecondKind{}});
    take(detect.probe_limit, draft.probe_limit);
    return detect;
}

}  // namespace

Config assemble(const Draft& draft) {
    Config config;
    take(config.router.name, draft.router_name);
    take(config.router.asn, draft.asn);
    take(config.router.id, draft.router_id);
    take(config.router.mode, draft.mode);
    take(config.dataplane.kind, draft.kind);
    config.dataplane.cores = values_of(draft.cores);
    take(config.dataplane.poll, draft.poll);
    take(config.dataplane.reassembly.entries, draft.reassembly_entries);
    take(config.dataplane.reassembly.bytes, draft.reassembly_bytes);
    for (const PortDraft& port : draft.ports)
        config.ports.push_back(assemble_port(draft, port));
    for (const UplinkDraft& uplink : draft.uplinks)
        config.uplinks.push_back(assemble_uplink(
            draft, uplink, UplinkId(static_cast<std::uint16_t>(config.uplinks.size()))));
    for (const PrefixSetDraft& set : draft.prefix_sets)
        config.prefix_sets.push_back(
            {PrefixSetId(static_cast<std::uint16_t>(config.prefix_sets.size())), set.name,
             values_of(set.prefixes), values_of(set.beacons), values_of(set.next_hops),
             values_of(set.other_origins), set.place.position});
    config.detect = assemble_detect(draft);
    take(config.policy.fail_back, draft.fail_back);
    take(config.policy.fail_back_window, draft.fail_back_window);
    take(config.policy.lan_dead, draft.lan_dead);
    config.timing = timing_of(config.detect.profile);
    for (const TimingOverride& override : draft.timing_overrides)
        config.timing.*override.member = override.duration.value;
    return config;
}

}  // namespace detour::model
