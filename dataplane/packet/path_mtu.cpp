// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/path_mtu.h"

#include <algorithm>
#include <array>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {
namespace {

struct IcmpHeader {
    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    Be16 upper;  // IPv6: the upper half of the MTU; IPv4: unused
    Be16 mtu;
};
static_assert(sizeof(IcmpHeader) == 8);

constexpr std::uint8_t unreachable = 3;
constexpr std::uint8_t fragmentation_needed = 4;
constexpr std::uint8_t packet_too_big = 2;

// RFC 1191 5: a router that does not know how to say it leaves the MTU zero; then the next plateau
// below the size of the packet that did not fit is tried.
std::uint16_t plateau_below(std::uint16_t size) {
    static constexpr std::array<std::uint16_t, 8> plateaus{17914, 8166, 4352, 2002,
                                                           1492,  1006, 508,  296};
    const auto* const found =
        std::ranges::find_if(plateaus, [size](std::uint16_t mtu) { return mtu < size; });
    return found == plateaus.end() ? plateaus.back() : *found;
}

// The quoted GRE header, of which not all may be there: RFC 792 promises eight octets.
bool take_key(std::span<const std::uint8_t> gre, std::optional<std::uint32_t>& key) {
    if (gre.size() < sizeof(GreHeader))
        return false;
    const std::uint16_t flags = header_at<GreHeader>(gre.data()).flags_and_version.value();
    if ((flags & GreHeader::version_mask) != 0)
        return false;
    if ((flags & GreHeader::has_key) == 0)
        return true;
    const std::size_t at =
        sizeof(GreHeader) + ((flags & GreHeader::has_checksum) != 0 ? sizeof(Be32) : 0);
    if (gre.size() < at + sizeof(Be32))
        return false;
    key = header_at<Be32>(gre.data() + at).value();
    return true;
}

std::optional<TooBig> parse_ipv4(std::span<const std::uint8_t> packet) {
    const auto& header = header_at<Ipv4Header>(packet.data());
    const auto message = packet.subspan(sizeof(Ipv4Header));
    if (header.protocol != protocol::icmp || header.is_fragment() ||
        message.size() < sizeof(IcmpHeader) + sizeof(Ipv4Header))
        return std::nullopt;
    const auto& icmp = header_at<IcmpHeader>(message.data());
    if (icmp.type != unreachable || icmp.code != fragmentation_needed ||
        partial_sum(message) != 0xffff)
        return std::nullopt;
    const auto quoted = message.subspan(sizeof(IcmpHeader));
    const auto& outer = header_at<Ipv4Header>(quoted.data());
    if (outer.version() != 4 || outer.protocol != protocol::gre ||
        outer.header_size() < sizeof(Ipv4Header) || outer.header_size() > quoted.size())
        return std::nullopt;
    TooBig result;
    result.source = Address::ipv4(outer.source.value());
    result.destination = Address::ipv4(outer.destination.value());
    if (!take_key(quoted.subspan(outer.header_size()), result.key))
        return std::nullopt;
    const std::uint16_t mtu = icmp.mtu.value();
    result.mtu = mtu != 0 ? mtu : plateau_below(outer.total_length.value());
    return result;
}

// RFC 4443 2.3: the checksum covers a pseudo-header of the addresses, length and next header.
bool is_icmpv6_checksum_right(const Ipv6Header& header, std::span<const std::uint8_t> message) {
    const auto length = Be32::of(static_cast<std::uint32_t>(message.size()));
    const auto next = Be32::of(protocol::icmpv6);
    std::uint16_t sum = partial_sum(header.source);
    sum = partial_sum(header.destination, sum);
    sum = partial_sum(length.octets, sum);
    sum = partial_sum(next.octets, sum);
    return partial_sum(message, sum) == 0xffff;
}

std::optional<TooBig> parse_ipv6(std::span<const std::uint8_t> packet) {
    const auto& header = header_at<Ipv6Header>(packet.data());
    const auto message = packet.subspan(sizeof(Ipv6Header));
    if (header.next_header != protocol::icmpv6 ||
        message.size() < sizeof(IcmpHeader) + sizeof(Ipv6Header))
        return std::nullopt;
    const auto& icmp = header_at<IcmpHeader>(message.data());
    if (icmp.type != packet_too_big || !is_icmpv6_checksum_right(header, message))
        return std::nullopt;
    const auto quoted = message.subspan(sizeof(IcmpHeader));
    const auto& outer = header_at<Ipv6Header>(quoted.data());
    if (outer.version() != 6 || outer.next_header != protocol::gre)
        return std::nullopt;
    TooBig result;
    result.source = Address::ipv6(outer.source);
    result.destination = Address::ipv6(outer.destination);
    if (!take_key(quoted.subspan(sizeof(Ipv6Header)), result.key))
        return std::nullopt;
    result.mtu = icmp.upper.value() != 0 ? std::uint16_t{0xffff} : icmp.mtu.value();
    return result;
}

}  // namespace

std::optional<TooBig> parse_too_big(std::span<const std::uint8_t> packet) {
    return packet[0] >> 4 == 4 ? parse_ipv4(packet) : parse_ipv6(packet);
}

}  // namespace detour::packet
