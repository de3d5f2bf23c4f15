// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Every key that the configuration knows, by section: the table that "unknown key" is decided by.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace detour::model::keys {

using Key = std::string_view;

inline constexpr std::array<Key, 9> document{"version", "router",  "dataplane",
                                             "ports",   "uplinks", "prefix-sets",
                                             "detect",  "policy",  "overrides"};
inline constexpr std::array<Key, 4> router{"name", "asn", "id", "mode"};
inline constexpr std::array<Key, 5> dataplane{"kind", "cores", "poll", "reassembly-entries",
                                              "reassembly-bytes"};
inline constexpr std::array<Key, 6> port{"device", "parent", "vlan", "addresses", "mtu", "urpf"};
inline constexpr std::array<Key, 10> uplink{"kind",    "port",      "underlay",  "inner",
                                            "gateway", "sentinels", "upstreams", "control-sources",
                                            "bgp",     "limit"};
inline constexpr std::array<Key, 15> underlay{
    "port",      "local", "remote", "gateway", "key", "ttl",       "checksum",
    "sequence",  "dscp",  "df",     "mtu",     "mss", "keepalive", "keepalive-retries",
    "reassembly"};
inline constexpr std::array<Key, 11> bgp{
    "peers",  "asn",          "password-file",        "ttl-security",
    "hold",   "max-prefixes", "max-prefixes-warning", "max-prefixes-restart",
    "import", "export",       "canary-communities"};
inline constexpr std::array<Key, 4> exported{"prepend", "med", "communities", "max-prefixes"};
inline constexpr std::array<Key, 4> import_rule{"action", "prefixes", "as-path", "communities"};
inline constexpr std::array<Key, 4> prefix_set{"prefixes", "beacons", "next-hops", "other-origins"};
inline constexpr std::array<Key, 7> detect{"profile",      "targets",        "probe-limit",
                                           "forgiven-gap", "start-up-grace", "link-up-grace",
                                           "armed-age"};
inline constexpr std::array<Key, 4> target{"asn", "addresses", "own", "second-kind"};
inline constexpr std::array<Key, 11> policy{
    "fail-back", "fail-back-window", "lan-dead",    "withdraw-gate", "first-life",     "complete",
    "overlap",   "stair-step",       "stable-time", "canary",        "canary-interval"};
inline constexpr std::array<Key, 4> temporary{"owner", "reason", "until", "set"};

struct Section {
    std::string_view name;  // as a person would look for it
    std::span<const Key> keys;
};

inline constexpr std::array<Section, 14> sections{{{"the top level", document},
                                                   {"router", router},
                                                   {"dataplane", dataplane},
                                                   {"a port", port},
                                                   {"an uplink", uplink},
                                                   {"an uplink's underlay", underlay},
                                                   {"an uplink's bgp", bgp},
                                                   {"an import rule", import_rule},
                                                   {"an uplink's export", exported},
                                                   {"a prefix set", prefix_set},
                                                   {"detect", detect},
                                                   {"a target", target},
                                                   {"policy", policy},
                                                   {"an override", temporary}}};

}  // namespace detour::model::keys
