// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The path attributes we can read: flags, reader, and what happens to an UPDATE in which one is
// malformed (RFC 7606). One row each; the decoder knows no attribute by name but those that carry
// prefixes.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "conf/types/bytes.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

enum class AttributeType : std::uint8_t {
    origin = 1,
    as_path = 2,
    next_hop = 3,
    multi_exit_disc = 4,
    local_pref = 5,
    atomic_aggregate = 6,
    aggregator = 7,
    communities = 8,
    originator_id = 9,
    cluster_list = 10,
    mp_reach_nlri = 14,
    mp_unreach_nlri = 15,
    extended_communities = 16,
    as4_path = 17,
    as4_aggregator = 18,
    ipv6_communities = 25,
    large_communities = 32,
    only_to_customer = 35,
};

inline constexpr std::uint8_t flag_optional = 0x80;
inline constexpr std::uint8_t flag_transitive = 0x40;
inline constexpr std::uint8_t flag_partial = 0x20;
inline constexpr std::uint8_t flag_extended_length = 0x10;

// RFC 7606 2, from the weakest to the strongest.
enum class ErrorAction : std::uint8_t { none, discard, treat_as_withdraw, reset };

enum class AsWidth : std::uint8_t { two, four };             // RFC 6793
enum class PeerScope : std::uint8_t { external, internal };  // another AS, or ours

struct MpReach {
    Family family = Family::ipv4;
    Address next_hop;
    std::optional<Address> link_local_next_hop;
    std::vector<Prefix> prefixes;
};
struct MpUnreach {
    Family family = Family::ipv4;
    std::vector<Prefix> prefixes;
};

// What the readers fill.
struct ReadAttributes {
    PathAttributes values;
    std::optional<AsPath> as4_path;
    std::optional<Aggregator> as4_aggregator;
    std::optional<MpReach> reach;      // nothing when of a family we do not speak
    std::optional<MpUnreach> unreach;  // the same
    std::bitset<256> seen;             // by type
};

// What the session agreed on, as far as it changes how attributes are read.
struct ReadContext {
    AsWidth width = AsWidth::four;
    bool takes_ipv6_next_hops = false;  // for IPv4 (RFC 8950)
};

struct AttributeRule {
    AttributeType type;
    std::string_view name;
    std::uint8_t flags;        // Optional and Transitive, as they must be
    ErrorAction on_malformed;  // RFC 7606 7, or the attribute's own RFC
    bool is_internal_only;     // from an external peer: discarded unread
    // False: malformed; what was filled until then does not count.
    bool (*read)(ByteReader value, const ReadContext& context, ReadAttributes& out);
};

// Null for an attribute that is not in the table.
[[nodiscard]] const AttributeRule* rule_of(std::uint8_t type);

// NLRI (RFC 4271 4.3): length in bits, then as many octets as needed. Nothing if it runs over the
// end or a length exceeds the family's.
[[nodiscard]] std::optional<std::vector<Prefix>> read_prefixes(ByteReader reader, Family family);

// RFC 6793 4.2.3: what an old speaker's path was before it was squeezed into two octets.
void reconstruct_four_octet_path(ReadAttributes& attributes);

[[nodiscard]] std::string_view to_string(ErrorAction action);  // "treat-as-withdraw"

}  // namespace detour::bgp
