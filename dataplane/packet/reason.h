// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Why a packet was not forwarded: one table, each row the enumerator, the text that people and
// telemetry read, and what it means. A drop ends the packet; a punt hands it to the kernel through
// the twin. Per-worker counters are indexed by these. Append rows; the text is an interface (conf:
// metrics and tests name it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace detour::packet {

// clang-format off
#define DETOUR_DROP_REASONS(X) \
    X(truncated,            "truncated",            "shorter than its headers say") \
    X(not_for_us,           "not-for-us",           "unicast to another station's MAC") \
    X(unknown_ethertype,    "unknown-ethertype",    "neither IPv4, IPv6 nor ARP") \
    X(unknown_vlan,         "unknown-vlan",         "tagged with a VLAN that is none of the device's ports") \
    X(bad_version,          "bad-ip-version",       "IP version differs from the Ethernet type") \
    X(bad_header_length,    "bad-header-length",    "IPv4 IHL below 5 or beyond the packet") \
    X(bad_total_length,     "bad-total-length",     "IP length beyond the frame") \
    X(bad_header_checksum,  "bad-header-checksum",  "IPv4 header checksum") \
    X(martian_source,       "martian-source",       "source multicast, loopback, unspecified or broadcast") \
    X(martian_destination,  "martian-destination",  "destination loopback or unspecified") \
    X(own_source,           "own-source",           "came in with one of our own addresses as source") \
    X(source_check,         "urpf",                 "the source has no route (loose), or none by this port (strict)") \
    X(no_route,             "no-route",             "no route, and the kernel was told enough of them this second") \
    X(blackhole,            "blackhole",            "a blackhole route") \
    X(inner_not_ours,       "inner-not-ours",       "decapsulated packet for none of our prefixes or addresses") \
    X(undeclared_source,    "undeclared-source",    "source outside every prefix set (BCP 38)") \
    X(unresolved,           "unresolved-neighbour", "waiting for the neighbour, and the kernel was asked this second") \
    X(tunnel_unresolved,    "tunnel-unresolved",    "the tunnel's endpoint has no next hop yet") \
    X(port_down,            "port-down",            "the egress port is down") \
    X(gre_bad_version,      "gre-bad-version",      "GRE version is not 0") \
    X(gre_routing,          "gre-routing",          "GRE routing bit or reserved bits set (RFC 2784 2.3)") \
    X(gre_checksum,         "gre-checksum",         "GRE checksum wrong, or present or absent against the configuration") \
    X(gre_sequence,         "gre-sequence",         "GRE sequence number old, or absent against the configuration") \
    X(gre_protocol,         "gre-protocol",         "GRE payload neither IPv4 nor IPv6") \
    X(gre_unknown_tunnel,   "gre-unknown-tunnel",   "GRE from an endpoint or with a key of no tunnel") \
    X(gre_nested,           "gre-nested",           "GRE inside our GRE: never decapsulated twice") \
    X(gre_keepalive,        "gre-keepalive",        "a GRE keepalive, and keepalives are not configured") \
    X(gre_ecn,              "gre-ecn",              "congestion marked outside a packet that cannot carry it (RFC 6040 4.2)") \
    X(gre_fragment,         "gre-fragment",         "outer fragment, and reassembly is off") \
    X(fragment_bad,         "fragment-bad",         "an outer fragment that overlaps others or fits no packet") \
    X(fragment_full,        "fragment-full",        "an outer fragment, and as many as are allowed wait already") \
    X(fragment_timeout,     "fragment-timeout",     "outer fragments whose rest did not come within a second") \
    X(too_big,              "too-big",              "larger than the path, and the sender was told enough this second") \
    X(ttl_exceeded,         "ttl-exceeded",         "TTL or hop limit ran out, and the sender was told enough this second") \
    X(punt_limit,           "punt-limit",           "the kernel's budget for such packets is spent") \
    X(punt_full,            "punt-full",            "the twin's queue is full") \
    X(worker_full,          "worker-full",          "the worker that has the flow is behind") \
    X(transmit_full,        "transmit-full",        "the port's queue is full") \
    X(no_buffer,            "no-buffer",            "no packet buffer") \
    X(unsupported_rule,     "unsupported-rule",     "an ip rule of a form the fast path does not know, beyond the punt budget") \
    X(gre_extension,        "gre-extension",        "GRE behind an IPv6 extension header that is not understood") \
    X(transmit_refused,     "transmit-refused",     "the kernel refused to send it: the link's far end has a smaller MTU, or a filter")

#define DETOUR_PUNT_REASONS(X) \
    X(control,         "control",          "BGP, BFD, ARP, ND to our own addresses: the first-class queue") \
    X(local,           "local",            "other traffic to the router's own addresses") \
    X(broadcast,       "broadcast",        "broadcast and multicast frames") \
    X(link_local,      "link-local",       "from or to an IPv6 link-local address") \
    X(ip_options,      "ip-options",       "IPv4 options or IPv6 hop-by-hop header") \
    X(ttl_exceeded,    "ttl-exceeded",     "the kernel answers time exceeded") \
    X(too_big,         "too-big",          "the kernel answers fragmentation needed or fragments") \
    X(no_route,        "no-route",         "the kernel answers unreachable") \
    X(prohibit,        "prohibit",         "the kernel answers prohibited") \
    X(unresolved,      "unresolved",       "the kernel asks for the neighbour") \
    X(unsupported_rule,"unsupported-rule", "an ip rule of a form the fast path does not know") \
    X(other_device,    "other-device",     "the route leaves by a device that is not ours")
// clang-format on

#define DETOUR_ENUMERATOR(name, text, meaning) name,
enum class Drop : std::uint8_t { DETOUR_DROP_REASONS(DETOUR_ENUMERATOR) count_ };
enum class Punt : std::uint8_t { DETOUR_PUNT_REASONS(DETOUR_ENUMERATOR) count_ };
#undef DETOUR_ENUMERATOR

inline constexpr std::size_t drop_count = static_cast<std::size_t>(Drop::count_);
inline constexpr std::size_t punt_count = static_cast<std::size_t>(Punt::count_);

[[nodiscard]] std::string_view to_string(Drop reason);
[[nodiscard]] std::string_view meaning(Drop reason);
[[nodiscard]] std::string_view to_string(Punt reason);
[[nodiscard]] std::string_view meaning(Punt reason);

}  // namespace detour::packet
