// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The configuration as it was written: every value typed, each with its place, any of them perhaps
// missing. The rules (rules.h) judge a draft; only a draft without an error becomes a Config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "conf/model/reader.h"

namespace detour::model {

struct PortDraft {
    std::string name;
    Place place;  // of its name
    Given<std::string> device;
    Given<std::string> parent;
    Given<std::uint16_t> vlan;
    List<InterfaceAddress> addresses;
    Given<std::uint16_t> mtu;
    Given<SourceCheck> source_check;

    [[nodiscard]] bool is_vlan() const { return parent.was_given || vlan.was_given; }
};

struct UnderlayDraft {
    Place place;
    Given<std::string> port;
    Given<Address> local;
    Given<Address> remote;
    Given<Address> gateway;
    Given<std::uint32_t> key;
    Given<std::uint8_t> ttl;
    Given<bool> checksum;
    Given<bool> sequence;
    Given<bool> reassembly;
    Given<std::optional<std::uint8_t>> dscp;  // nothing: copy
    Given<DontFragment> dont_fragment;
    Given<std::uint16_t> mtu;
    Given<std::uint16_t> mss;
    Given<Duration> keepalive;
    Given<std::uint8_t> keepalive_retries;

    // As Underlay::overhead(), when the family is known.
    [[nodiscard]] std::optional<std::uint16_t> overhead() const;
};

struct ImportRuleDraft {
    Place place;
    Given<ImportRule::Action> action;
    List<PrefixRange> prefixes;
    List<AsPathPattern> as_paths;
    List<Community> communities;

    // It asks nothing: it decides about every route that comes to it.
    [[nodiscard]] bool means_all() const {
        return prefixes.empty() && !prefixes.has_gaps && as_paths.empty() && !as_paths.has_gaps &&
               communities.empty() && !communities.has_gaps;
    }
};

struct ExportDraft {
    Given<std::uint8_t> prepend;
    Given<std::uint32_t> med;
    List<Community> communities;
    Given<std::uint32_t> limit;
};

struct BgpDraft {
    Place place;
    List<Address> peers;
    Given<AsNumber> asn;
    Given<std::string> password_file;
    Given<bool> ttl_security;
    Given<Duration> hold;
    Given<std::uint32_t> max_prefixes;
    Given<std::uint8_t> max_prefixes_warning;
    Given<std::optional<Duration>> max_prefixes_restart;  // nothing: never
    bool has_import = false;
    std::vector<ImportRuleDraft> import;
    std::optional<ExportDraft> exported;
    List<Community> canary_communities;
};

struct UplinkDraft {
    std::string name;
    Place place;  // of its name
    Given<UplinkKind> kind;
    Given<std::string> port;
    std::optional<UnderlayDraft> underlay;
    List<InterfaceAddress> inner;
    List<Address> gateways;
    List<Address> control_sources;
    List<Address> sentinels;
    List<AsNumber> upstreams;
    std::optional<BgpDraft> bgp;
    Given<BitRate> limit;

    [[nodiscard]] bool is(UplinkKind wanted) const { return kind && kind->value == wanted; }
};

struct PrefixSetDraft {
    std::string name;
    Place place;  // of its name
    List<Prefix> prefixes;
    List<Address> beacons;
    List<Address> next_hops;
    List<AsNumber> other_origins;
};

// One entry of `targets`: addresses in one AS.
struct TargetDraft {
    Place place;
    Given<AsNumber> asn;
    List<Address> addresses;
    Given<bool> own;
    Given<std::optional<SecondKind>> second;

    [[nodiscard]] bool is_own() const { return own && own->value; }
};

// A duration that overrides one of the profile's.
struct TimingOverride {
    Located<Duration> duration;
    Duration Timing::*member;
};

struct Draft {
    Place place;                      // of the document
    std::filesystem::path directory;  // that relative file names are relative to
    Given<std::string> router_name;
    Given<AsNumber> asn;
    Given<Address> router_id;
    Given<Mode> mode;

    Given<DataplaneKind> kind;
    List<unsigned> cores;
    Given<PollMode> poll;
    Given<std::uint32_t> reassembly_entries;
    Given<std::uint32_t> reassembly_bytes;

    std::vector<PortDraft> ports;
    std::vector<UplinkDraft> uplinks;
    std::vector<PrefixSetDraft> prefix_sets;
    bool has_prefix_sets_key = false;

    Given<Profile> profile;
    std::vector<TargetDraft> targets;
    bool targets_have_gaps = false;
    Place targets_place;  // of `detect.targets`, or where it is missed
    Given<std::uint32_t> probe_limit;

    Given<FailBack> fail_back;
    Given<DailyWindow> fail_back_window;
    Given<LanDead> lan_dead;
    std::vector<TimingOverride> timing_overrides;

    [[nodiscard]] bool is_kernel() const { return kind && kind->value == DataplaneKind::kernel; }
    [[nodiscard]] const PortDraft* find_port(std::string_view name) const;
    // The port that carries the uplink's packets; null when it is not known.
    [[nodiscard]] const PortDraft* port_of(const UplinkDraft& uplink) const;
    // Our addresses on the uplink's own link; with gaps when the link is not known.
    [[nodiscard]] const List<InterfaceAddress>& link_addresses(const UplinkDraft& uplink) const;
    [[nodiscard]] bool is_lan(const PortDraft& port) const;
    // Its own, else its parent's, else the usual one; nothing when it could not be read.
    [[nodiscard]] std::optional<std::uint16_t> mtu_of(const PortDraft& port) const;
    [[nodiscard]] bool protects(Family family) const;
};

[[nodiscard]] Draft read_draft(const Node& document, std::filesystem::path directory,
                               const Complaints& complaints);

}  // namespace detour::model
