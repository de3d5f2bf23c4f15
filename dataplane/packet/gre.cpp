// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/gre.h"

#include <algorithm>
#include <cassert>

namespace detour::packet {
namespace {

constexpr std::uint32_t ipv6_version = 0x60000000;

// The outer IPv4 header; returns its partial sum.
std::uint16_t put_ipv4(const GreEndpoint& endpoint, GreTemplate& result) {
    auto& outer = header_at<Ipv4Header>(result.bytes.data());
    outer.version_and_ihl = 0x45;
    outer.fragment = Be16::of(
        endpoint.dont_fragment == DontFragment::set ? Ipv4Header::dont_fragment : std::uint16_t{0});
    outer.ttl = endpoint.ttl;
    outer.protocol = protocol::gre;
    outer.source = Be32::of(endpoint.local.word());
    outer.destination = Be32::of(endpoint.remote.word());
    result.size = sizeof(Ipv4Header);
    return partial_sum(std::span(result.bytes).first(sizeof(Ipv4Header)));
}

// Without the Destination Options header with which Linux limits nesting (RFC 2473 4.1.1): we never
// encapsulate what is encapsulated, and eight bytes are eight bytes.
void put_ipv6(const GreEndpoint& endpoint, GreTemplate& result) {
    auto& outer = header_at<Ipv6Header>(result.bytes.data());
    outer.version_and_flow = Be32::of(ipv6_version);
    outer.next_header = protocol::gre;
    outer.hop_limit = endpoint.ttl;
    std::ranges::copy(endpoint.local.bytes(), outer.source.begin());
    std::ranges::copy(endpoint.remote.bytes(), outer.destination.begin());
    result.size = sizeof(Ipv6Header);
}

}  // namespace

std::expected<GreArrival, Drop> parse_rare_gre(std::span<const std::uint8_t> bytes) {
    const auto& header = header_at<GreHeader>(bytes.data());
    const std::uint16_t flags = header.flags_and_version.value();
    const std::uint16_t type = header.protocol.value();
    if ((flags & GreHeader::version_mask) != 0)
        return std::unexpected(Drop::gre_bad_version);
    if ((flags & (GreHeader::has_routing | GreHeader::must_be_zero)) != 0)
        return std::unexpected(Drop::gre_routing);
    if (type != ethertype::ipv4 && type != ethertype::ipv6 && type != 0)
        return std::unexpected(Drop::gre_protocol);
    GreArrival arrival;
    arrival.family = type == ethertype::ipv6 ? Family::ipv6 : Family::ipv4;
    if (type == 0)
        arrival.options |= gre_option::keepalive;
    const auto field = [&](std::uint16_t flag, auto take) {
        if ((flags & flag) == 0)
            return true;
        if (bytes.size() < arrival.header_size + sizeof(Be32))
            return false;
        take(header_at<Be32>(bytes.data() + arrival.header_size).value());
        arrival.header_size += sizeof(Be32);
        return true;
    };
    // RFC 2890 2: in this order, each where its bit says so.
    const bool is_whole =
        field(GreHeader::has_checksum,
              [&](std::uint32_t) { arrival.options |= gre_option::checksum; }) &&
        field(GreHeader::has_key, [&](std::uint32_t word) { arrival.key = word; }) &&
        field(GreHeader::has_sequence, [&](std::uint32_t word) {
            arrival.options |= gre_option::sequence;
            arrival.sequence = word;
        });
    if (!is_whole)
        return std::unexpected(Drop::truncated);
    return arrival;
}

std::uint8_t GreEndpoint::options() const {
    std::uint8_t result = 0;
    const auto add = [&result](bool is_wanted, std::uint8_t option) {
        if (is_wanted)
            result |= option;
    };
    const bool is_ipv4 = local.family() == Family::ipv4;
    add(has_checksum, gre_option::checksum);
    add(has_sequence, gre_option::sequence);
    add(dscp.has_value(), gre_option::fixed_dscp);
    add(is_ipv4 && dont_fragment == DontFragment::copy, gre_option::copied_df);
    add(!is_ipv4, gre_option::over_ipv6);
    return result;
}

GreTemplate build_gre_template(const GreEndpoint& endpoint) {
    assert(endpoint.local.family() == endpoint.remote.family());
    GreTemplate result;
    if (endpoint.local.family() == Family::ipv4)
        result.checksum = put_ipv4(endpoint, result);
    else
        put_ipv6(endpoint, result);
    std::uint16_t flags = 0;
    auto& gre = header_at<GreHeader>(result.bytes.data() + result.size);
    gre.protocol = Be16::of(ethertype::ipv4);
    result.size += sizeof(GreHeader);
    const auto field = [&](bool is_wanted, std::uint16_t flag, std::uint32_t value) {
        if (!is_wanted)
            return;
        flags |= flag;
        header_at<Be32>(result.bytes.data() + result.size) = Be32::of(value);
        result.size += sizeof(Be32);
    };
    field(endpoint.has_checksum, GreHeader::has_checksum, 0);
    field(endpoint.key.has_value(), GreHeader::has_key, endpoint.key.value_or(0));
    field(endpoint.has_sequence, GreHeader::has_sequence, 0);
    gre.flags_and_version = Be16::of(flags);
    return result;
}

}  // namespace detour::packet
