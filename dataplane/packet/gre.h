// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Generic routing encapsulation (RFC 2784) with keys (RFC 2890), IPv4 outside: recognise what came
// in, and put the outer headers before what leaves.
//
// Receiving: check_ipv4() the outer packet; not a fragment; parse_gre() what follows its header;
// the caller finds the tunnel by (source, destination, key); check_ipv4() or check_ipv6() the inner
// packet; take_outer_ecn() (ecn.h). Checksums and sequence numbers are as strict as Linux: a flag
// the tunnel was not configured with is a drop.
//
// Sending: the headers are built once per tunnel by build_gre_template(), stacked behind the
// Ethernet header of the endpoint's next hop, and push_gre() copies them before each packet and
// fills in what differs: the length, the identification, DSCP and ECN (RFC 6040 4.1), the checksum
// from the template's partial sum, the protocol type of the inner family.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>

#include "conf/types/address.h"
#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

// RFC 2784 2.1 and RFC 2890 2: the first four octets; the fields that flags announce follow.
struct GreHeader {
    static constexpr std::uint16_t has_checksum = 0x8000;
    static constexpr std::uint16_t has_routing = 0x4000;  // RFC 1701, deprecated
    static constexpr std::uint16_t has_key = 0x2000;
    static constexpr std::uint16_t has_sequence = 0x1000;
    // Bits 4 and 5 of the first octets, strict source route and the first of recursion control:
    // RFC 2784 2.3: "A receiver MUST discard a packet where any of bits 1-5 are non-zero, unless
    // that receiver implements RFC 1701"; RFC 2890 gave bits 2 and 3 a meaning.
    static constexpr std::uint16_t must_be_zero = 0x0c00;
    static constexpr std::uint16_t version_mask = 0x0007;

    Be16 flags_and_version;
    Be16 protocol;
};
static_assert(sizeof(GreHeader) == 4);

// What a GRE header said.
struct GreArrival {
    std::uint8_t header_size = sizeof(GreHeader);  // of GRE alone
    Family family = Family::ipv4;                  // of the packet inside
    std::optional<std::uint32_t> key;
};

// `bytes` follow the outer IP header, up to the end of the outer packet.
[[nodiscard]] inline std::expected<GreArrival, Drop> parse_gre(
    std::span<const std::uint8_t> bytes) {
    if (bytes.size() < sizeof(GreHeader))
        return std::unexpected(Drop::truncated);
    const auto& header = header_at<GreHeader>(bytes.data());
    const std::uint16_t flags = header.flags_and_version.value();
    const std::uint16_t type = header.protocol.value();
    if ((flags & GreHeader::version_mask) != 0)
        return std::unexpected(Drop::gre_bad_version);
    if ((flags & (GreHeader::has_routing | GreHeader::must_be_zero)) != 0)
        return std::unexpected(Drop::gre_routing);
    if ((flags & GreHeader::has_checksum) != 0)
        return std::unexpected(Drop::gre_checksum);
    if ((flags & GreHeader::has_sequence) != 0)
        return std::unexpected(Drop::gre_sequence);
    if (type != ethertype::ipv4 && type != ethertype::ipv6)
        return std::unexpected(Drop::gre_protocol);
    GreArrival arrival;
    arrival.family = type == ethertype::ipv4 ? Family::ipv4 : Family::ipv6;
    if ((flags & GreHeader::has_key) == 0)
        return arrival;
    if (bytes.size() < sizeof(GreHeader) + sizeof(Be32))
        return std::unexpected(Drop::truncated);
    arrival.header_size += sizeof(Be32);
    arrival.key = header_at<Be32>(bytes.data() + sizeof(GreHeader)).value();
    return arrival;
}

// The keepalive of Cisco's routers: inside our GRE, a GRE packet of protocol 0 from this end of the
// tunnel to the other, which the receiver is meant to send back. `inner` was found intact by
// check_ipv4() (a martian or foreign destination may have been found since).
[[nodiscard]] inline bool is_gre_keepalive(std::span<const std::uint8_t> inner, std::uint32_t local,
                                           std::uint32_t remote) {
    if (inner.size() < sizeof(Ipv4Header) + sizeof(GreHeader))
        return false;
    const auto& header = header_at<Ipv4Header>(inner.data());
    return header.protocol == protocol::gre && header.header_size() == sizeof(Ipv4Header) &&
           header.source.value() == local && header.destination.value() == remote &&
           header_at<GreHeader>(inner.data() + sizeof(Ipv4Header)).protocol.value() == 0;
}

// One tunnel's outer headers, all that is the same for every packet.
struct GreEndpoint {
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint8_t ttl = 64;
};

// What follows the Ethernet header: outer IP and GRE. `checksum` is the partial sum of the outer
// IPv4 header with length, identification, traffic class and checksum zero.
struct GreTemplate {
    static constexpr std::size_t max_size = sizeof(Ipv4Header) + sizeof(GreHeader) + sizeof(Be32);

    std::array<std::uint8_t, max_size> bytes{};
    std::uint8_t size = 0;
    std::uint16_t checksum = 0;

    [[nodiscard]] std::span<const std::uint8_t> header() const {
        return std::span(bytes).first(size);
    }
};

// Both addresses are IPv4 (asserted). The outer packet says don't fragment: what is too big is
// answered to the inner sender and never fragmented outside.
[[nodiscard]] GreTemplate build_gre_template(const GreEndpoint& endpoint);

// A tunnel's headers as push_gre() reads them: Ethernet, outer IP and GRE.
struct GrePush {
    const std::uint8_t* header;
    std::uint8_t size;
    std::uint8_t outer_offset;  // of the outer IPv4 header
    std::uint16_t checksum;     // GreTemplate::checksum
};

inline constexpr std::size_t min_push_size =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(GreHeader);
inline constexpr std::size_t max_push_size = 48;

// Writes the outer frame's headers right before `inner`, which has room for them, and returns the
// start of the frame. `inner_size` is the inner packet's own length, `traffic_class` its DSCP and
// ECN. Header sizes are 32 to 48 bytes, so that the copy is three 16-byte moves of which the last
// overlaps, without a branch; narrow fields are stored over it and never read back.
inline std::uint8_t* push_gre(std::uint8_t* inner, const GrePush& push, Family family,
                              std::uint16_t inner_size, std::uint8_t traffic_class,
                              std::uint16_t identification) {
    struct Block {
        std::array<std::uint8_t, 16> bytes;
    };
    std::uint8_t* const frame = inner - push.size;
    const std::size_t last = push.size - sizeof(Block);
    Block blocks[3];
    std::memcpy(&blocks[0], push.header, sizeof(Block));
    std::memcpy(&blocks[1], push.header + sizeof(Block), sizeof(Block));
    std::memcpy(&blocks[2], push.header + last, sizeof(Block));
    std::memcpy(frame, &blocks[0], sizeof(Block));
    std::memcpy(frame + sizeof(Block), &blocks[1], sizeof(Block));
    std::memcpy(frame + last, &blocks[2], sizeof(Block));

    auto& outer = header_at<Ipv4Header>(frame + push.outer_offset);
    auto& gre = header_at<GreHeader>(frame + push.outer_offset + sizeof(Ipv4Header));
    const auto length =
        Be16::of(static_cast<std::uint16_t>(push.size - push.outer_offset + inner_size));
    const auto ident = Be16::of(identification);
    const auto class_word = Be16{{0, traffic_class}};
    const std::uint32_t sum =
        std::uint32_t{push.checksum} + length.raw() + ident.raw() + class_word.raw();
    outer.traffic_class = traffic_class;
    outer.total_length = length;
    outer.identification = ident;
    outer.checksum = Be16::of_raw(static_cast<std::uint16_t>(~folded_short(sum)));
    gre.protocol = Be16::of(ethertype_of(family));
    return frame;
}

}  // namespace detour::packet
