// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/attribute_table.h"

#include <algorithm>
#include <array>

#include "controlplane/bgp/wire/message.h"

namespace detour::bgp {

namespace {

constexpr std::uint8_t well_known = flag_transitive;
constexpr std::uint8_t non_transitive = flag_optional;
constexpr std::uint8_t transitive = flag_optional | flag_transitive;

AsNumber read_as(ByteReader& reader, AsWidth width) {
    return AsNumber(width == AsWidth::four ? reader.u32() : reader.u16());
}

// RFC 7606 7.1: "an undefined value" or a length other than 1.
bool read_origin(ByteReader value, const ReadContext&, ReadAttributes& out) {
    const std::uint8_t origin = value.u8();
    if (!value.ok() || !value.at_end() || origin > 2)
        return false;
    out.values.origin = static_cast<Origin>(origin);
    return true;
}

// RFC 7606 7.2: an unrecognized segment type, a segment overrun or underrun, a segment length of
// zero. RFC 5065 5: confederation segments from outside. RFC 7607 2: AS 0.
std::optional<AsPath> read_path(ByteReader value, AsWidth width) {
    AsPath path;
    while (!value.at_end()) {
        const std::uint8_t kind = value.u8();
        const std::size_t count = value.u8();
        if (count == 0 || (kind != static_cast<std::uint8_t>(AsSegment::Kind::set) &&
                           kind != static_cast<std::uint8_t>(AsSegment::Kind::sequence)))
            return std::nullopt;
        AsSegment& segment = path.segments.emplace_back();
        segment.kind = static_cast<AsSegment::Kind>(kind);
        for (std::size_t i = 0; i < count; ++i) {
            const AsNumber asn = read_as(value, width);
            if (!value.ok() || asn.value == 0)
                return std::nullopt;
            segment.numbers.push_back(asn);
        }
    }
    return path;
}

bool read_as_path(ByteReader value, const ReadContext& context, ReadAttributes& out) {
    auto path = read_path(value, context.width);
    if (!path)
        return false;
    out.values.as_path = std::move(*path);
    return true;
}

// RFC 7606 7.3: "if its length is not 4".
bool read_next_hop(ByteReader value, const ReadContext&, ReadAttributes& out) {
    const auto address = Address::from_bytes(Family::ipv4, value.bytes(value.remaining()));
    if (!address)
        return false;
    out.values.next_hop = *address;
    return true;
}

bool read_word(ByteReader value, std::optional<std::uint32_t>& out) {
    const std::uint32_t word = value.u32();
    if (!value.ok() || !value.at_end())
        return false;
    out = word;
    return true;
}

bool read_med(ByteReader value, const ReadContext&, ReadAttributes& out) {
    return read_word(value, out.values.med);
}

bool read_local_pref(ByteReader value, const ReadContext&, ReadAttributes& out) {
    return read_word(value, out.values.local_pref);
}

bool read_atomic_aggregate(ByteReader value, const ReadContext&, ReadAttributes& out) {
    out.values.is_atomic_aggregate = value.at_end();
    return value.at_end();
}

std::optional<Aggregator> read_aggregator_value(ByteReader value, AsWidth width) {
    Aggregator aggregator;
    aggregator.asn = read_as(value, width);
    aggregator.address = Address::ipv4(value.u32());
    // RFC 7607 2: AS 0 in AGGREGATOR is malformed.
    if (!value.ok() || !value.at_end() || aggregator.asn.value == 0)
        return std::nullopt;
    return aggregator;
}

bool read_aggregator(ByteReader value, const ReadContext& context, ReadAttributes& out) {
    out.values.aggregator = read_aggregator_value(value, context.width);
    return out.values.aggregator.has_value();
}

// Communities are sets: sorted, each once (RFC 8092 5: duplicates "SHOULD" be removed silently).
template <class Item, class ReadItem>
bool read_set(ByteReader value, std::size_t item_size, std::vector<Item>& out, ReadItem read_item) {
    if (value.at_end() || value.remaining() % item_size != 0)
        return false;
    while (!value.at_end())
        out.push_back(read_item(value));
    std::ranges::sort(out);
    const auto repeated = std::ranges::unique(out);
    out.erase(repeated.begin(), repeated.end());
    return true;
}

bool read_communities(ByteReader value, const ReadContext&, ReadAttributes& out) {
    return read_set(value, 4, out.values.communities,
                    [](ByteReader& reader) { return Community(reader.u32()); });
}

bool read_extended_communities(ByteReader value, const ReadContext&, ReadAttributes& out) {
    return read_set(value, 8, out.values.extended_communities,
                    [](ByteReader& reader) { return ExtendedCommunity(reader.u64()); });
}

bool read_large_communities(ByteReader value, const ReadContext&, ReadAttributes& out) {
    return read_set(value, 12, out.values.large_communities, [](ByteReader& reader) {
        LargeCommunity community;
        community.global = reader.u32();
        community.local_1 = reader.u32();
        community.local_2 = reader.u32();
        return community;
    });
}

// RFC 5701 2: twenty octets each. They are passed on as they are.
bool read_ipv6_communities(ByteReader value, const ReadContext&, ReadAttributes& out) {
    if (value.at_end() || value.remaining() % 20 != 0)
        return false;
    const auto octets = value.bytes(value.remaining());
    out.values.unknown.push_back({transitive,
                                  static_cast<std::uint8_t>(AttributeType::ipv6_communities),
                                  Bytes(octets.begin(), octets.end())});
    return true;
}

// Route reflection (RFC 4456) is for internal peers; we reflect nothing and keep neither.
bool read_originator_id(ByteReader value, const ReadContext&, ReadAttributes&) {
    return value.remaining() == 4;
}

bool read_cluster_list(ByteReader value, const ReadContext&, ReadAttributes&) {
    return !value.at_end() && value.remaining() % 4 == 0;
}

// RFC 9234 5: "If the OTC attribute's length is not 4: malformed".
bool read_only_to_customer(ByteReader value, const ReadContext&, ReadAttributes& out) {
    const std::uint32_t asn = value.u32();
    if (!value.ok() || !value.at_end())
        return false;
    out.values.only_to_customer = AsNumber(asn);
    return true;
}

bool read_mp_next_hop(ByteReader next_hop, const ReadContext& context, MpReach& out) {
    const std::size_t size = next_hop.remaining();
    if (out.family == Family::ipv4 && size == 4) {
        out.next_hop = *Address::from_bytes(Family::ipv4, next_hop.bytes(size));
        return true;
    }
    // RFC 8950 4: only where both sides said so.
    if (out.family == Family::ipv4 && !context.takes_ipv6_next_hops)
        return false;
    // RFC 2545 3: "16, when only a global address is present, or 32 if a link-local address is also
    // included in the Next Hop field".
    if (size != 16 && size != 32)
        return false;
    out.next_hop = *Address::from_bytes(Family::ipv6, next_hop.bytes(16));
    if (const auto second = Address::from_bytes(Family::ipv6, next_hop.bytes(next_hop.remaining()));
        second && second->is_link_local())
        out.link_local_next_hop = second;
    return true;
}

bool read_mp_reach(ByteReader value, const ReadContext& context, ReadAttributes& out) {
    const std::uint16_t afi = value.u16();
    const std::uint8_t safi = value.u8();
    const std::size_t next_hop_size = value.u8();
    ByteReader next_hop = value.sub(next_hop_size);
    value.u8();  // "Reserved: A 1 octet field that MUST be set to 0, and SHOULD be ignored"
    if (!value.ok())
        return false;
    const auto family = family_of(afi, safi);
    if (!family)
        return true;
    MpReach reach;
    reach.family = *family;
    if (!read_mp_next_hop(next_hop, context, reach))
        return false;
    auto prefixes = read_prefixes(value, *family);
    if (!prefixes)
        return false;
    reach.prefixes = std::move(*prefixes);
    out.reach = std::move(reach);
    return true;
}

bool read_mp_unreach(ByteReader value, const ReadContext&, ReadAttributes& out) {
    const std::uint16_t afi = value.u16();
    const std::uint8_t safi = value.u8();
    if (!value.ok())
        return false;
    const auto family = family_of(afi, safi);
    if (!family)
        return true;
    auto prefixes = read_prefixes(value, *family);
    if (!prefixes)
        return false;
    out.unreach = MpUnreach{*family, std::move(*prefixes)};
    return true;
}

// RFC 6793 4.1: both have four octets, and "NEW BGP speaker[s] MUST NOT" exchange them: from one
// they are discarded unread.
bool read_as4_path(ByteReader value, const ReadContext& context, ReadAttributes& out) {
    if (context.width == AsWidth::two)
        out.as4_path = read_path(value, AsWidth::four);
    return context.width == AsWidth::two && out.as4_path.has_value();
}

bool read_as4_aggregator(ByteReader value, const ReadContext& context, ReadAttributes& out) {
    if (context.width == AsWidth::two)
        out.as4_aggregator = read_aggregator_value(value, AsWidth::four);
    return context.width == AsWidth::two && out.as4_aggregator.has_value();
}

using enum ErrorAction;
constexpr bool anywhere = false;
constexpr bool internal_only = true;

// clang-format off
constexpr std::array rules{
    //            type                                name                     flags           RFC 7606 7         from           reader
    AttributeRule{AttributeType::origin,               "ORIGIN",               well_known,     treat_as_withdraw, anywhere,      read_origin},                // 7.1
    AttributeRule{AttributeType::as_path,              "AS_PATH",              well_known,     treat_as_withdraw, anywhere,      read_as_path},               // 7.2
    AttributeRule{AttributeType::next_hop,             "NEXT_HOP",             well_known,     treat_as_withdraw, anywhere,      read_next_hop},              // 7.3
    AttributeRule{AttributeType::multi_exit_disc,      "MULTI_EXIT_DISC",      non_transitive, treat_as_withdraw, anywhere,      read_med},                   // 7.4
    AttributeRule{AttributeType::local_pref,           "LOCAL_PREF",           well_known,     treat_as_withdraw, internal_only, read_local_pref},            // 7.5
    AttributeRule{AttributeType::atomic_aggregate,     "ATOMIC_AGGREGATE",     well_known,     discard,           anywhere,      read_atomic_aggregate},      // 7.6
    AttributeRule{AttributeType::aggregator,           "AGGREGATOR",           transitive,     discard,           anywhere,      read_aggregator},            // 7.7
    AttributeRule{AttributeType::communities,          "COMMUNITIES",          transitive,     treat_as_withdraw, anywhere,      read_communities},           // 7.8
    AttributeRule{AttributeType::originator_id,        "ORIGINATOR_ID",        non_transitive, treat_as_withdraw, internal_only, read_originator_id},         // 7.9
    AttributeRule{AttributeType::cluster_list,         "CLUSTER_LIST",         non_transitive, treat_as_withdraw, internal_only, read_cluster_list},          // 7.10
    AttributeRule{AttributeType::mp_reach_nlri,        "MP_REACH_NLRI",        non_transitive, reset,             anywhere,      read_mp_reach},              // 7.11
    AttributeRule{AttributeType::mp_unreach_nlri,      "MP_UNREACH_NLRI",      non_transitive, reset,             anywhere,      read_mp_unreach},            // 7.12
    AttributeRule{AttributeType::extended_communities, "EXTENDED_COMMUNITIES", transitive,     treat_as_withdraw, anywhere,      read_extended_communities},  // 7.14
    AttributeRule{AttributeType::as4_path,             "AS4_PATH",             transitive,     discard,           anywhere,      read_as4_path},              // RFC 6793 6
    AttributeRule{AttributeType::as4_aggregator,       "AS4_AGGREGATOR",       transitive,     discard,           anywhere,      read_as4_aggregator},        // RFC 6793 6
    AttributeRule{AttributeType::ipv6_communities,     "IPV6_EXTENDED_COMMUNITIES", transitive, treat_as_withdraw, anywhere,      read_ipv6_communities},      // 7.15
    AttributeRule{AttributeType::large_communities,    "LARGE_COMMUNITY",      transitive,     treat_as_withdraw, anywhere,      read_large_communities},     // RFC 8092 6
    AttributeRule{AttributeType::only_to_customer,     "ONLY_TO_CUSTOMER",     transitive,     treat_as_withdraw, anywhere,      read_only_to_customer},      // RFC 9234 5
};
// clang-format on

}  // namespace

const AttributeRule* rule_of(std::uint8_t type) {
    const auto found =
        std::ranges::find(rules, static_cast<AttributeType>(type), &AttributeRule::type);
    return found == rules.end() ? nullptr : &*found;
}

std::optional<std::vector<Prefix>> read_prefixes(ByteReader reader, Family family) {
    std::vector<Prefix> prefixes;
    while (!reader.at_end()) {
        const std::uint8_t length = reader.u8();
        if (length > bit_count(family))
            return std::nullopt;
        const auto octets = reader.bytes((length + 7U) / 8U);
        if (!reader.ok())
            return std::nullopt;
        std::array<std::uint8_t, 16> padded{};
        std::ranges::copy(octets, padded.begin());
        // "Note that the value of trailing bits is irrelevant": Prefix clears them.
        prefixes.emplace_back(
            *Address::from_bytes(family, std::span(padded).first(bit_count(family) / 8U)), length);
    }
    return prefixes;
}

void reconstruct_four_octet_path(ReadAttributes& attributes) {
    PathAttributes& values = attributes.values;
    // "If the AGGREGATOR attribute carries an AS number other than AS_TRANS": the last aggregator
    // was an old speaker, and both AS4 attributes are older than it.
    if (values.aggregator &&
        attributes.seen.test(static_cast<std::size_t>(AttributeType::as4_aggregator))) {
        if (values.aggregator->asn != as_trans)
            return;
        if (attributes.as4_aggregator)
            values.aggregator = attributes.as4_aggregator;
    }
    if (!attributes.as4_path)
        return;
    const std::size_t old_length = values.as_path.length();
    const std::size_t new_length = attributes.as4_path->length();
    // "If the number of AS numbers in the AS_PATH attribute is less than the number of AS numbers
    // in the AS4_PATH attribute, then the AS4_PATH attribute SHALL be ignored".
    if (old_length < new_length)
        return;
    // The leading part that AS4_PATH does not know, then AS4_PATH.
    AsPath path;
    std::size_t missing = old_length - new_length;
    for (const AsSegment& segment : values.as_path.segments) {
        if (missing == 0)
            break;
        AsSegment part = segment;
        if (segment.kind == AsSegment::Kind::sequence && segment.numbers.size() > missing)
            part.numbers.resize(missing);
        missing -= part.kind == AsSegment::Kind::set ? 1 : part.numbers.size();
        path.segments.push_back(std::move(part));
    }
    for (AsSegment& segment : attributes.as4_path->segments) {
        const bool continues = !path.segments.empty() &&
                               path.segments.back().kind == AsSegment::Kind::sequence &&
                               segment.kind == AsSegment::Kind::sequence;
        if (continues)
            path.segments.back().numbers.insert(path.segments.back().numbers.end(),
                                                segment.numbers.begin(), segment.numbers.end());
        else
            path.segments.push_back(std::move(segment));
    }
    values.as_path = std::move(path);
}

std::string_view to_string(ErrorAction action) {
    switch (action) {
        case ErrorAction::none:
            return "none";
        case ErrorAction::discard:
            return "attribute discard";
        case ErrorAction::treat_as_withdraw:
            return "treat-as-withdraw";
        case ErrorAction::reset:
            return "session reset";
    }
    return "?";
}

}  // namespace detour::bgp
