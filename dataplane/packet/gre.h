// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Generic routing encapsulation (RFC 2784) with keys, checksums and sequence numbers (RFC 2890):
// recognise what came in, and put the outer headers before what leaves.
//
// Receiving: check_ipv4() or check_ipv6() the outer packet; not a fragment; parse_gre() what
// follows its header (behind an IPv6 header, gre_offset() says where); the caller finds the tunnel
// by (source, destination, key); if the header or the tunnel has options, check_gre_options()
// (gre_options.h); check_ipv4() or check_ipv6() the inner packet; take_outer_ecn() (ecn.h).
//
// Sending: the headers are built once per tunnel by build_gre_template(), stacked behind the
// Ethernet header of the endpoint's next hop, and push_gre() copies them before each packet and
// fills in what differs: the length, the identification, DSCP and ECN (RFC 6040 4.1), the checksum
// from the template's partial sum, the protocol type of the inner family. A template with options
// is pushed by push_gre_with_options() (gre_options.h).
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
    // RFC 2784 2.3: bits 6 to 12 "MUST be sent as zero and MUST be ignored on receipt".
    static constexpr std::uint16_t ignored = 0x03f8;
    static constexpr std::uint16_t version_mask = 0x0007;

    Be16 flags_and_version;
    Be16 protocol;
};
static_assert(sizeof(GreHeader) == 4);

// What makes a tunnel, or a GRE header, more than the plain form: IPv4 outside that says don't
// fragment, nothing in GRE but a key, DSCP copied. A set of bits; plain is 0, so that one test
// tells the common case.
namespace gre_option {
inline constexpr std::uint8_t checksum = 0x01;  // RFC 2784 2.1
inline constexpr std::uint8_t sequence = 0x02;  // RFC 2890 2.2
inline constexpr std::uint8_t keepalive =
    0x04;  // a tunnel: sent and answered; a header: protocol 0
inline constexpr std::uint8_t fixed_dscp = 0x08;
inline constexpr std::uint8_t copied_df = 0x10;
inline constexpr std::uint8_t over_ipv6 = 0x20;
inline constexpr std::uint8_t reassembly = 0x40;  // of outer fragments
}  // namespace gre_option

// What a GRE header said.
struct GreArrival {
    std::uint8_t header_size = sizeof(GreHeader);  // of GRE alone
    Family family = Family::ipv4;                  // of the packet inside; no keepalive
    std::uint8_t options = 0;                      // checksum, sequence, keepalive
    std::optional<std::uint32_t> key;
    std::uint32_t sequence = 0;  // with gre_option::sequence
};

// The rest of parse_gre(): a header with more than a key, or around something else than IP.
[[nodiscard]] std::expected<GreArrival, Drop> parse_rare_gre(std::span<const std::uint8_t> bytes);

// `bytes` follow the outer IP header, up to the end of the outer packet. A keepalive's answer
// (protocol 0) is recognised and left to the caller.
[[nodiscard]] inline std::expected<GreArrival, Drop> parse_gre(
    std::span<const std::uint8_t> bytes) {
    if (bytes.size() < sizeof(GreHeader))
        return std::unexpected(Drop::truncated);
    const auto& header = header_at<GreHeader>(bytes.data());
    const std::uint16_t flags = header.flags_and_version.value();
    const std::uint16_t type = header.protocol.value();
    const bool is_ip = type == ethertype::ipv4 || type == ethertype::ipv6;
    if ((flags & ~(GreHeader::has_key | GreHeader::ignored)) != 0 || !is_ip) [[unlikely]]
        return parse_rare_gre(bytes);
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

// One tunnel's outer headers, all that is the same for every packet.
enum class DontFragment : std::uint8_t { set, copy, clear };

struct GreEndpoint {
    Address local;  // both ends of one family
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint8_t ttl = 64;
    bool has_checksum = false;
    bool has_sequence = false;
    DontFragment dont_fragment = DontFragment::set;  // IPv4 outside only
    std::optional<std::uint8_t> dscp = {};           // fixed; without, the inner packet's

    // What is to be put before a packet, as bits of gre_option.
    [[nodiscard]] std::uint8_t options() const;
};

// What follows the Ethernet header: outer IP and GRE. `checksum` is the partial sum of the outer
// IPv4 header with length, identification, traffic class and checksum zero.
struct GreTemplate {
    static constexpr std::size_t max_size = sizeof(Ipv6Header) + sizeof(GreHeader) + 12;

    std::array<std::uint8_t, max_size> bytes{};
    std::uint8_t size = 0;
    std::uint16_t checksum = 0;

    [[nodiscard]] std::span<const std::uint8_t> header() const {
        return std::span(bytes).first(size);
    }
};

// Both addresses are of one family (asserted). By default the outer packet says don't fragment:
// what is too big is answered to the inner sender and never fragmented outside.
[[nodiscard]] GreTemplate build_gre_template(const GreEndpoint& endpoint);

// A tunnel's headers as push_gre() reads them: Ethernet, outer IP and GRE.
struct GrePush {
    const std::uint8_t* header;
    std::uint8_t size;
    std::uint8_t outer_offset;  // of the outer IPv4 header
    std::uint16_t checksum;     // GreTemplate::checksum
    std::uint8_t options = 0;   // GreEndpoint::options()
    std::uint8_t dscp = 0;      // with gre_option::fixed_dscp
};

inline constexpr std::size_t min_push_size =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(GreHeader);
inline constexpr std::size_t max_push_size = 48;  // of a template without options

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
