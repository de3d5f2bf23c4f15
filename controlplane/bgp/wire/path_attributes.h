// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The path attributes of a route as values. What a decoder could not read is not in here: it was
// discarded or turned the route into a withdrawal (wire/attribute_table.h has the rule of each).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "conf/types/ids.h"
#include "controlplane/bgp/wire/as_path.h"

namespace detour::bgp {

enum class Origin : std::uint8_t { igp = 0, egp = 1, incomplete = 2 };  // RFC 4271 4.3 a

using Community = StrongId<struct CommunityTag, std::uint32_t>;  // RFC 1997: high half is an AS
using ExtendedCommunity = StrongId<struct ExtendedCommunityTag, std::uint64_t>;  // RFC 4360

inline constexpr Community graceful_shutdown{0xffff0000};    // RFC 8326
inline constexpr Community blackhole{0xffff029a};            // RFC 7999
inline constexpr Community no_export{0xffffff01};            // RFC 1997
inline constexpr Community no_advertise{0xffffff02};         // RFC 1997
inline constexpr Community no_export_subconfed{0xffffff03};  // RFC 1997

struct LargeCommunity {  // RFC 8092
    std::uint32_t global = 0;
    std::uint32_t local_1 = 0;
    std::uint32_t local_2 = 0;

    friend constexpr auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

struct Aggregator {
    AsNumber asn;
    Address address;

    friend constexpr auto operator<=>(const Aggregator&, const Aggregator&) = default;
};

// An optional transitive attribute that we do not know: passed on with the Partial bit (RFC 4271
// 5).
struct UnknownAttribute {
    std::uint8_t flags = 0;
    std::uint8_t type = 0;
    Bytes value;

    friend auto operator<=>(const UnknownAttribute&, const UnknownAttribute&) = default;
};

struct PathAttributes {
    Origin origin = Origin::igp;
    AsPath as_path;
    Address next_hop;
    std::optional<Address> link_local_next_hop;  // RFC 2545 3: the second half of 32 octets
    std::optional<std::uint32_t> med;
    std::optional<std::uint32_t> local_pref;  // from internal peers only
    bool is_atomic_aggregate = false;
    std::optional<Aggregator> aggregator;
    std::vector<Community> communities;
    std::vector<ExtendedCommunity> extended_communities;
    std::vector<LargeCommunity> large_communities;
    std::optional<AsNumber> only_to_customer;  // RFC 9234 5: OTC
    std::vector<UnknownAttribute> unknown;

    friend auto operator<=>(const PathAttributes&, const PathAttributes&) = default;
};

[[nodiscard]] std::string to_string(Origin origin);                    // "IGP"
[[nodiscard]] std::string to_string(Community community);              // "64496:100", "NO_EXPORT"
[[nodiscard]] std::string to_string(const LargeCommunity& community);  // "64496:1:2"
// One line for people: "AS_PATH 64496 64501, NEXT_HOP 192.0.2.1, MED 10, COMMUNITIES NO_EXPORT".
[[nodiscard]] std::string to_string(const PathAttributes& attributes);

}  // namespace detour::bgp
