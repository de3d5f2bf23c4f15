// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The IPv6 header (RFC 8200), the checks of a router, and the forwarding step. Extension headers
// other than hop-by-hop are the destination's business (RFC 8200 4) and are not looked at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/ipv4.h"

namespace detour::packet {

struct Ipv6Header {
    Be32 version_and_flow;  // version, traffic class, flow label
    Be16 payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    std::array<std::uint8_t, 16> source;
    std::array<std::uint8_t, 16> destination;

    [[nodiscard]] constexpr unsigned version() const { return version_and_flow.octets[0] >> 4; }
    [[nodiscard]] constexpr std::uint8_t traffic_class() const {
        return static_cast<std::uint8_t>(version_and_flow.value() >> 20);
    }
    // Bytes of the whole packet.
    [[nodiscard]] constexpr std::size_t total_length() const {
        return 40 + std::size_t{payload_length.value()};
    }
};
static_assert(sizeof(Ipv6Header) == 40);

// Addresses that never cross a link: which of them does not matter to the fast path, only that the
// address is none of the ordinary ones.
struct Ipv6Scope {
    bool is_multicast;
    bool is_link_local;
    bool is_unspecified;
    bool is_loopback;
    bool is_mapped_ipv4;
};

[[nodiscard]] inline Ipv6Scope scope_of(const std::array<std::uint8_t, 16>& address) {
    std::uint64_t high;
    std::memcpy(&high, address.data(), sizeof high);
    const std::uint32_t third = header_at<Be32>(address.data() + 8).value();
    const std::uint32_t fourth = header_at<Be32>(address.data() + 12).value();
    return {.is_multicast = address[0] == 0xff,
            .is_link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80,
            .is_unspecified = (high | third | fourth) == 0,
            .is_loopback = (high | third) == 0 && fourth == 1,
            .is_mapped_ipv4 = high == 0 && third == 0x0000ffff};
}

// As check_ipv4(): what is ok has total_length() bytes and may be delivered or forwarded.
// Link-local packets are the kernel's: they are for this router or for nobody (RFC 4291 2.5.6).
[[nodiscard]] inline Finding check_ipv6(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < sizeof(Ipv6Header))
        return Drop::truncated;
    const auto& header = header_at<Ipv6Header>(bytes.data());
    if (header.version() != 6)
        return Drop::bad_version;
    if (header.total_length() > bytes.size())
        return Drop::bad_total_length;
    const Ipv6Scope source = scope_of(header.source);
    const Ipv6Scope destination = scope_of(header.destination);
    if (source.is_multicast || source.is_loopback || source.is_mapped_ipv4)
        return Drop::martian_source;
    if (destination.is_unspecified || destination.is_loopback || destination.is_mapped_ipv4)
        return Drop::martian_destination;
    if (destination.is_multicast)
        return Punt::broadcast;
    // RFC 4291 2.5.2: the unspecified address "must never be forwarded by an IPv6 router"; it is
    // only the source of multicast that looks for a duplicate address, which is gone by here.
    if (source.is_unspecified)
        return Drop::martian_source;
    if (source.is_link_local || destination.is_link_local)
        return Punt::link_local;
    if (header.next_header == protocol::hop_by_hop)
        return Punt::ip_options;
    return {};
}

[[nodiscard]] constexpr bool may_forward(const Ipv6Header& header) {
    return header.hop_limit > 1;
}

constexpr void decrement_hop_limit(Ipv6Header& header) {
    header.hop_limit = static_cast<std::uint8_t>(header.hop_limit - 1);
}

}  // namespace detour::packet
