// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/draft.h"
#include "conf/model/keys.h"
#include "conf/model/versions.h"

namespace detour::model {
namespace {

Section subsection(const Section& parent, std::string_view key, const Node& node,
                   std::span<const std::string_view> known) {
    return {node, parent.place_of(key), known, parent.complaints()};
}

void read_router(const Section& document, Draft& draft) {
    document.require("router", "say who this box is: router: {name: ..., asn: ..., id: ...}");
    const Node* node = document.child("router");
    if (node == nullptr)
        return;
    const Section router = subsection(document, "router", *node, keys::router);
    draft.router_name = router.required("name", parse_text, "give the box a name");
    draft.asn = router.required("asn", parse_as_number, "give the AS number that you announce as");
    draft.router_id =
        router.required("id", parse_host_address, "give the BGP identifier, an IPv4 address");
    draft.mode = router.value("mode", parse_mode);
}

void read_dataplane(const Section& document, Draft& draft) {
    const Node* node = document.child("dataplane");
    if (node == nullptr)
        return;
    const Section dataplane = subsection(document, "dataplane", *node, keys::dataplane);
    draft.kind = dataplane.value("kind", parse_dataplane_kind);
    draft.cores = dataplane.values("cores", parse_number_in<unsigned, 0, 1023>);
    draft.poll = dataplane.value("poll", parse_poll_mode);
    draft.reassembly_entries =
        dataplane.value("reassembly-entries", parse_number_in<std::uint32_t, 8, 65536>);
    draft.reassembly_bytes =
        dataplane.value("reassembly-bytes", parse_number_in<std::uint32_t, 65536, 1'073'741'824>);
}

PortDraft read_port(const Section::Child& child, const Complaints& complaints) {
    const Section port(*child.node, child.place, keys::port, complaints);
    const bool is_vlan = port.has("parent") || port.has("vlan");
    if (!is_vlan)
        port.require("device",
                     "name the DPDK device (PCI address or vdev) or, for kind kernel, "
                     "the interface");
    return {.name = child.name,
            .place = child.place,
            .device = port.value("device", parse_text),
            .parent = port.value("parent", parse_text),
            .vlan = port.value("vlan", parse_number_in<std::uint16_t, 1, 4094>),
            .addresses = port.values("addresses", InterfaceAddress::parse),
            .mtu = port.value("mtu", parse_number_in<std::uint16_t, 1280, 9216>),
            .source_check = port.value("urpf", parse_source_check)};
}

UnderlayDraft read_underlay(const Section& uplink, const Node& node) {
    const Section underlay = subsection(uplink, "underlay", node, keys::underlay);
    return {.place = underlay.place(),
            .port = underlay.required("port", parse_text, "name the port that carries the tunnel"),
            .local = underlay.required("local", parse_host_address,
                                       "give our end's address, one of the port's"),
            .remote = underlay.required("remote", parse_host_address, "give the far end's address"),
            .gateway = underlay.value("gateway", parse_host_address),
            .key = underlay.value("key", parse_number_in<std::uint32_t, 0, 0xffffffff>),
            .ttl = underlay.value("ttl", parse_number_in<std::uint8_t, 1, 255>),
            .checksum = underlay.value("checksum", parse_switch),
            .sequence = underlay.value("sequence", parse_switch),
            .reassembly = underlay.value("reassembly", parse_switch),
            .dscp = underlay.value("dscp", parse_dscp),
            .dont_fragment = underlay.value("df", parse_dont_fragment),
            .mtu = underlay.value("mtu", parse_number_in<std::uint16_t, 576, 9216>),
            .mss = underlay.value("mss", parse_mss),
            .keepalive = underlay.value("keepalive", parse_duration),
            .keepalive_retries =
                underlay.value("keepalive-retries", parse_number_in<std::uint8_t, 1, 255>)};
}

ImportRuleDraft read_import_rule(const Section::Child& child, const Complaints& complaints) {
    const Section rule(*child.node, child.place, keys::import_rule, complaints);
    return {.place = child.place,
            .action = rule.required("action", parse_import_action, "say accept or refuse"),
            .prefixes = rule.values("prefixes", PrefixRange::parse),
            .as_paths = rule.values("as-path", AsPathPattern::parse),
            .communities = rule.values("communities", parse_community)};
}

std::optional<ExportDraft> read_export(const Section& bgp) {
    const Node* node = bgp.child("export");
    if (node == nullptr)
        return std::nullopt;
    if (node->kind == Node::Kind::scalar && node->text == "learned") {
        bgp.complaints().error(bgp.place_of("export"),
                               "an uplink is told of the prefix sets alone: what was learned from "
                               "one provider is never announced to another");
        return std::nullopt;
    }
    const Section section = subsection(bgp, "export", *node, keys::exported);
    return ExportDraft{
        .prepend = section.value("prepend", parse_number_in<std::uint8_t, 0, 20>),
        .med = section.value("med", parse_number_in<std::uint32_t, 0, 0xffffffff>),
        .communities = section.values("communities", parse_community),
        .limit = section.value("max-prefixes", parse_number_in<std::uint32_t, 1, 10'000'000>)};
}

BgpDraft read_bgp(const Section& uplink, const Node& node) {
    const Section bgp = subsection(uplink, "bgp", node, keys::bgp);
    bgp.require("peers", "give the neighbour's addresses");
    BgpDraft draft{
        .place = bgp.place(),
        .peers = bgp.values("peers", parse_host_address),
        .asn = bgp.required("asn", parse_as_number, "give the neighbour's AS number"),
        .password_file = bgp.value("password-file", parse_text),
        .ttl_security = bgp.value("ttl-security", parse_switch),
        .hold = bgp.value("hold", parse_duration),
        .max_prefixes = bgp.value("max-prefixes", parse_number_in<std::uint32_t, 1, 10'000'000>),
        .max_prefixes_warning =
            bgp.value("max-prefixes-warning", parse_number_in<std::uint8_t, 1, 100>),
        .max_prefixes_restart = bgp.value("max-prefixes-restart", parse_restart),
        .has_import = bgp.has("import"),
        .import = {},
        .exported = read_export(bgp),
        .canary_communities = bgp.values("canary-communities", parse_community)};
    for (const Section::Child& child : bgp.items("import"))
        draft.import.push_back(read_import_rule(child, bgp.complaints()));
    return draft;
}

UplinkDraft read_uplink(const Section::Child& child, const Complaints& complaints) {
    const Section uplink(*child.node, child.place, keys::uplink, complaints);
    UplinkDraft draft{.name = child.name,
                      .place = child.place,
                      .kind = uplink.required("kind", parse_uplink_kind, "say direct or gre"),
                      .port = uplink.value("port", parse_text),
                      .underlay = {},
                      .inner = uplink.values("inner", InterfaceAddress::parse),
                      .gateways = {},
                      .control_sources = uplink.values("control-sources", parse_host_address),
                      .sentinels = uplink.values("sentinels", parse_host_address),
                      .upstreams = uplink.values("upstreams", parse_as_number),
                      .bgp = {},
                      .limit = uplink.value("limit", parse_bit_rate)};
    // One gateway may be written without brackets.
    if (const Node* node = uplink.child("gateway"); node && node->kind == Node::Kind::list)
        draft.gateways = uplink.values("gateway", parse_host_address);
    else if (const auto gateway = uplink.value("gateway", parse_host_address))
        draft.gateways.push_back(*gateway);
    else
        draft.gateways.has_gaps = gateway.was_given;
    if (const Node* node = uplink.child("underlay"))
        draft.underlay = read_underlay(uplink, *node);
    if (const Node* node = uplink.child("bgp"))
        draft.bgp = read_bgp(uplink, *node);
    return draft;
}

PrefixSetDraft read_prefix_set(const Section::Child& child, const Complaints& complaints) {
    const Section set(*child.node, child.place, keys::prefix_set, complaints);
    set.require("prefixes", "give the prefixes that move together");
    return {.name = child.name,
            .place = child.place,
            .prefixes = set.values("prefixes", Prefix::parse),
            .beacons = set.values("beacons", parse_host_address),
            .next_hops = set.values("next-hops", parse_host_address),
            .other_origins = set.values("other-origins", parse_as_number)};
}

TargetDraft read_target(const Section::Child& child, const Complaints& complaints) {
    const Section target(*child.node, child.place, keys::target, complaints);
    target.require("addresses", "give the addresses to probe in this AS");
    return {.place = child.place,
            .asn = target.required("asn", parse_as_number, "give the AS that the addresses are in"),
            .addresses = target.values("addresses", parse_host_address),
            .own = target.value("own", parse_switch),
            .second = target.value("second-kind", parse_second_kind)};
}

struct OverrideKey {
    std::string_view key;
    Duration Timing::*member;
};

void read_overrides(const Section& section, std::span<const OverrideKey> known, Draft& draft) {
    for (const OverrideKey& known_key : known)
        if (const auto duration = section.value(known_key.key, parse_duration))
            draft.timing_overrides.push_back({*duration, known_key.member});
}

void read_detect(const Section& document, Draft& draft) {
    static constexpr std::array<OverrideKey, 4> durations{
        {{"forgiven-gap", &Timing::forgiven_gap},
         {"start-up-grace", &Timing::start_up_grace},
         {"link-up-grace", &Timing::link_up_grace},
         {"armed-age", &Timing::armed_age}}};
    draft.targets_place = {document.place_of("detect").position, "detect.targets"};
    const Node* node = document.child("detect");
    if (node == nullptr)
        return;
    const Section detect = subsection(document, "detect", *node, keys::detect);
    draft.targets_place = detect.place_of("targets");
    const Node* targets = detect.child("targets");
    draft.targets_have_gaps =
        detect.has("targets") && (targets == nullptr || targets->kind != Node::Kind::list);
    draft.profile = detect.value("profile", parse_profile);
    for (const Section::Child& child : detect.items("targets"))
        draft.targets.push_back(read_target(child, detect.complaints()));
    draft.probe_limit = detect.value("probe-limit", parse_number_in<std::uint32_t, 1, 1'000'000>);
    read_overrides(detect, durations, draft);
}

void read_policy(const Section& document, Draft& draft) {
    static constexpr std::array<OverrideKey, 8> durations{
        {{"withdraw-gate", &Timing::withdraw_gate},
         {"first-life", &Timing::first_life},
         {"complete", &Timing::complete},
         {"overlap", &Timing::overlap},
         {"stair-step", &Timing::stair_step},
         {"stable-time", &Timing::stable_time},
         {"canary", &Timing::canary},
         {"canary-interval", &Timing::canary_interval}}};
    const Node* node = document.child("policy");
    if (node == nullptr)
        return;
    const Section policy = subsection(document, "policy", *node, keys::policy);
    draft.fail_back = policy.value("fail-back", parse_fail_back);
    draft.fail_back_window = policy.value("fail-back-window", parse_daily_window);
    draft.lan_dead = policy.value("lan-dead", parse_lan_dead);
    read_overrides(policy, durations, draft);
}

}  // namespace

Draft read_draft(const Node& document_node, std::filesystem::path directory,
                 const Complaints& complaints) {
    Draft draft;
    draft.directory = std::move(directory);
    const Section document(document_node, {document_node.position, ""}, keys::document, complaints);
    draft.place = document.place();
    draft.targets_place = document.place();
    draft.has_prefix_sets_key = document.has("prefix-sets");
    if (!document.is_map())
        return draft;
    document.require("version", what_is_read(versions()));  // its value: versions.h
    read_router(document, draft);
    read_dataplane(document, draft);
    document.require("ports", "name the interfaces that detour works with");
    for (const Section::Child& child : document.entries("ports"))
        draft.ports.push_back(read_port(child, complaints));
    for (const Section::Child& child : document.entries("uplinks"))
        draft.uplinks.push_back(read_uplink(child, complaints));
    for (const Section::Child& child : document.entries("prefix-sets"))
        draft.prefix_sets.push_back(read_prefix_set(child, complaints));
    read_detect(document, draft);
    read_policy(document, draft);
    return draft;
}

}  // namespace detour::model
