// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <algorithm>
#include <cassert>
#include <limits>

#include "controlplane/bgp/wire/update.h"

namespace detour::bgp {

namespace {

constexpr std::uint8_t well_known = flag_transitive;
constexpr std::uint8_t transitive = flag_optional | flag_transitive;

std::size_t encoded_size(const Prefix& prefix) {
    return 1 + (prefix.length() + 7U) / 8U;
}

void write_prefix(ByteWriter& writer, const Prefix& prefix) {
    writer.u8(prefix.length());
    writer.bytes(prefix.address().bytes().first((prefix.length() + 7U) / 8U));
}

// As many as fit into `room` bytes; at least one is asked for.
std::size_t fitting(std::span<const Prefix> prefixes, std::size_t room) {
    std::size_t count = 0;
    while (count < prefixes.size() && encoded_size(prefixes[count]) <= room)
        room -= encoded_size(prefixes[count++]);
    assert(count > 0 && "the attributes leave no room for a prefix");
    return count;
}

void write_attribute(ByteWriter& writer, std::uint8_t flags, std::uint8_t type,
                     std::span<const std::uint8_t> value) {
    // RFC 4271 4.3: "The Extended Length bit MAY be used only if the length of the attribute value
    // is greater than 255 octets."
    const bool is_long = value.size() > 255;
    writer.u8(is_long ? static_cast<std::uint8_t>(flags | flag_extended_length) : flags);
    writer.u8(type);
    if (is_long)
        writer.u16(static_cast<std::uint16_t>(value.size()));
    else
        writer.u8(static_cast<std::uint8_t>(value.size()));
    writer.bytes(value);
}

void write_attribute(ByteWriter& writer, std::uint8_t flags, AttributeType type,
                     std::span<const std::uint8_t> value) {
    write_attribute(writer, flags, static_cast<std::uint8_t>(type), value);
}

void write_as(ByteWriter& writer, AsNumber asn, AsWidth width) {
    if (width == AsWidth::four)
        return writer.u32(asn.value);
    // RFC 6793 4.2.2: AS_TRANS for what two octets cannot hold.
    const bool fits = asn.value <= std::numeric_limits<std::uint16_t>::max();
    writer.u16(static_cast<std::uint16_t>(fits ? asn.value : as_trans.value));
}

Bytes path_value(const AsPath& path, AsWidth width) {
    Bytes value;
    ByteWriter writer(value);
    for (const AsSegment& segment : path.segments) {
        // A segment counts to 255; longer ones become several.
        for (std::size_t at = 0; at < segment.numbers.size(); at += 255) {
            const std::size_t count = std::min<std::size_t>(255, segment.numbers.size() - at);
            writer.u8(static_cast<std::uint8_t>(segment.kind));
            writer.u8(static_cast<std::uint8_t>(count));
            for (std::size_t i = at; i < at + count; ++i)
                write_as(writer, segment.numbers[i], width);
        }
    }
    return value;
}

Bytes word_value(std::uint32_t word) {
    Bytes value;
    ByteWriter(value).u32(word);
    return value;
}

Bytes aggregator_value(const Aggregator& aggregator, AsWidth width) {
    Bytes value;
    ByteWriter writer(value);
    write_as(writer, aggregator.asn, width);
    writer.bytes(aggregator.address.bytes());
    return value;
}

bool needs_four_octets(AsNumber asn) {
    return asn.value > std::numeric_limits<std::uint16_t>::max();
}

bool needs_four_octets(const AsPath& path) {
    return std::ranges::any_of(path.segments, [](const AsSegment& segment) {
        return std::ranges::any_of(segment.numbers,
                                   [](AsNumber asn) { return needs_four_octets(asn); });
    });
}

void write_communities(ByteWriter& writer, const PathAttributes& attributes) {
    if (attributes.communities.empty())
        return;
    Bytes value;
    ByteWriter inner(value);
    for (const Community community : attributes.communities)
        inner.u32(community.value);
    write_attribute(writer, transitive, AttributeType::communities, value);
}

void write_extended_communities(ByteWriter& writer, const PathAttributes& attributes) {
    if (attributes.extended_communities.empty())
        return;
    Bytes value;
    ByteWriter inner(value);
    for (const ExtendedCommunity community : attributes.extended_communities)
        inner.u64(community.value);
    write_attribute(writer, transitive, AttributeType::extended_communities, value);
}

void write_large_communities(ByteWriter& writer, const PathAttributes& attributes) {
    if (attributes.large_communities.empty())
        return;
    Bytes value;
    ByteWriter inner(value);
    for (const LargeCommunity& community : attributes.large_communities) {
        inner.u32(community.global);
        inner.u32(community.local_1);
        inner.u32(community.local_2);
    }
    write_attribute(writer, transitive, AttributeType::large_communities, value);
}

// RFC 6793 4.2.2: an old speaker gets the true numbers beside what it can read.
void write_as4(ByteWriter& writer, const PathAttributes& attributes, AsWidth width) {
    if (width == AsWidth::four)
        return;
    if (needs_four_octets(attributes.as_path))
        write_attribute(writer, transitive, AttributeType::as4_path,
                        path_value(attributes.as_path, AsWidth::four));
    if (attributes.aggregator && needs_four_octets(attributes.aggregator->asn))
        write_attribute(writer, transitive, AttributeType::as4_aggregator,
                        aggregator_value(*attributes.aggregator, AsWidth::four));
}

// Everything but MP_REACH_NLRI, in the order of the types (RFC 4271 5: "The sender of an UPDATE
// message SHOULD order path attributes within the UPDATE message in ascending order").
Bytes encode_attributes(const PathAttributes& attributes, AsWidth width) {
    Bytes bytes;
    ByteWriter writer(bytes);
    const Bytes origin{static_cast<std::uint8_t>(attributes.origin)};
    write_attribute(writer, well_known, AttributeType::origin, origin);
    write_attribute(writer, well_known, AttributeType::as_path,
                    path_value(attributes.as_path, width));
    if (attributes.next_hop.family() == Family::ipv4)
        write_attribute(writer, well_known, AttributeType::next_hop, attributes.next_hop.bytes());
    if (attributes.med)
        write_attribute(writer, flag_optional, AttributeType::multi_exit_disc,
                        word_value(*attributes.med));
    if (attributes.local_pref)
        write_attribute(writer, well_known, AttributeType::local_pref,
                        word_value(*attributes.local_pref));
    if (attributes.is_atomic_aggregate)
        write_attribute(writer, well_known, AttributeType::atomic_aggregate, {});
    if (attributes.aggregator)
        write_attribute(writer, transitive, AttributeType::aggregator,
                        aggregator_value(*attributes.aggregator, width));
    write_communities(writer, attributes);
    write_extended_communities(writer, attributes);
    write_as4(writer, attributes, width);
    write_large_communities(writer, attributes);
    if (attributes.only_to_customer)
        write_attribute(writer, transitive, AttributeType::only_to_customer,
                        word_value(attributes.only_to_customer->value));
    for (const UnknownAttribute& unknown : attributes.unknown)
        write_attribute(writer, unknown.flags, unknown.type, unknown.value);
    return bytes;
}

// An MP attribute of more than 255 octets, whose length is known before its prefixes are written.
void write_mp_header(ByteWriter& writer, AttributeType type, std::size_t value_size) {
    writer.u8(flag_optional | flag_extended_length);
    writer.u8(static_cast<std::uint8_t>(type));
    writer.u16(static_cast<std::uint16_t>(value_size));
}

std::size_t total_size(std::span<const Prefix> prefixes) {
    std::size_t size = 0;
    for (const Prefix& prefix : prefixes)
        size += encoded_size(prefix);
    return size;
}

// IPv6, and IPv4 over an IPv6 next hop.
std::size_t encode_mp_announcement(Bytes& out, const PathAttributes& attributes,
                                   std::span<const Prefix> prefixes, const UpdateForm& form) {
    const Bytes others = encode_attributes(attributes, form.width);
    const std::size_t next_hop_size = attributes.link_local_next_hop ? 32 : 16;
    const std::size_t fixed = 2 + 1 + 1 + next_hop_size + 1;
    MessageWriter writer(out, MessageType::update);
    writer.u16(0);
    const std::size_t room = form.max_size - writer.message_size() - 2 - 4 - fixed - others.size();
    const auto these = prefixes.first(fitting(prefixes, room));
    const std::size_t value_size = fixed + total_size(these);
    writer.u16(static_cast<std::uint16_t>(4 + value_size + others.size()));
    // RFC 7606 5.1: "SHALL be encoded as the very first path attribute in an UPDATE message".
    write_mp_header(writer, AttributeType::mp_reach_nlri, value_size);
    writer.u16(afi_of(prefixes.front().family()));
    writer.u8(safi_unicast);
    writer.u8(static_cast<std::uint8_t>(next_hop_size));
    writer.bytes(attributes.next_hop.bytes());
    if (attributes.link_local_next_hop)
        writer.bytes(attributes.link_local_next_hop->bytes());
    writer.u8(0);
    for (const Prefix& prefix : these)
        write_prefix(writer, prefix);
    writer.bytes(others);
    writer.finish();
    return these.size();
}

std::size_t encode_ipv4_announcement(Bytes& out, const PathAttributes& attributes,
                                     std::span<const Prefix> prefixes, const UpdateForm& form) {
    const Bytes all = encode_attributes(attributes, form.width);
    MessageWriter writer(out, MessageType::update);
    writer.u16(0);
    writer.u16(static_cast<std::uint16_t>(all.size()));
    writer.bytes(all);
    const auto these = prefixes.first(fitting(prefixes, form.max_size - writer.message_size()));
    for (const Prefix& prefix : these)
        write_prefix(writer, prefix);
    writer.finish();
    return these.size();
}

}  // namespace

std::size_t encode_announcement(Bytes& out, const PathAttributes& attributes,
                                std::span<const Prefix> prefixes, const UpdateForm& form) {
    assert(!prefixes.empty() && (prefixes.front().family() == attributes.next_hop.family() ||
                                 attributes.next_hop.family() == Family::ipv6));
    return attributes.next_hop.family() == Family::ipv4
               ? encode_ipv4_announcement(out, attributes, prefixes, form)
               : encode_mp_announcement(out, attributes, prefixes, form);
}

std::size_t encode_withdrawal(Bytes& out, std::span<const Prefix> prefixes,
                              const UpdateForm& form) {
    assert(!prefixes.empty());
    const Family family = prefixes.front().family();
    MessageWriter writer(out, MessageType::update);
    const std::size_t fixed = family == Family::ipv4 ? 2 + 2 : 2 + 2 + 4 + 3;
    const auto these =
        prefixes.first(fitting(prefixes, form.max_size - writer.message_size() - fixed));
    const auto size = static_cast<std::uint16_t>(total_size(these));
    writer.u16(family == Family::ipv4 ? size : 0);
    if (family == Family::ipv6) {
        writer.u16(static_cast<std::uint16_t>(4 + 3 + size));
        write_mp_header(writer, AttributeType::mp_unreach_nlri, 3U + size);
        writer.u16(afi_of(family));
        writer.u8(safi_unicast);
    }
    for (const Prefix& prefix : these)
        write_prefix(writer, prefix);
    if (family == Family::ipv4)
        writer.u16(0);
    writer.finish();
    return these.size();
}

void encode_end_of_rib(Bytes& out, Family family) {
    MessageWriter writer(out, MessageType::update);
    writer.u16(0);
    if (family == Family::ipv4) {
        writer.u16(0);
    } else {
        const Bytes value{0, static_cast<std::uint8_t>(afi_of(family)), safi_unicast};
        writer.u16(static_cast<std::uint16_t>(3 + value.size()));
        write_attribute(writer, flag_optional, AttributeType::mp_unreach_nlri, value);
    }
    writer.finish();
}

}  // namespace detour::bgp
