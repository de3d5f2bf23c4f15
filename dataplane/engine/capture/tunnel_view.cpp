// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/capture/tunnel_view.h"

#include <algorithm>

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/vlan.h"

namespace detour::engine {
namespace {

using Bytes = std::span<const std::uint8_t>;
using packet::GreHeader;

std::uint16_t be16(Bytes bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

struct Outer {
    Bytes source;
    Bytes destination;
    Bytes gre;  // what follows the outer IP header
};

std::optional<Outer> outer_ipv4(Bytes packet) {
    if (packet.size() < sizeof(packet::Ipv4Header) || packet[0] >> 4 != 4)
        return std::nullopt;
    const std::size_t header_size = std::size_t{packet[0] & 0x0fU} * 4;
    const std::size_t size = std::min<std::size_t>(be16(packet, 2), packet.size());
    const bool is_later_fragment = (be16(packet, 6) & 0x1fff) != 0;
    if (packet[9] != packet::protocol::gre || is_later_fragment || header_size < 20 ||
        size < header_size)
        return std::nullopt;
    return Outer{packet.subspan(12, 4), packet.subspan(16, 4),
                 packet.first(size).subspan(header_size)};
}

std::optional<Outer> outer_ipv6(Bytes packet) {
    constexpr std::size_t fixed = sizeof(packet::Ipv6Header);
    if (packet.size() < fixed || packet[0] >> 4 != 6)
        return std::nullopt;
    Bytes rest = packet.first(std::min(packet.size(), fixed + be16(packet, 4))).subspan(fixed);
    std::uint8_t next = packet[6];
    if (next == packet::protocol::destination_options && rest.size() >= 8) {
        next = rest[0];
        rest = rest.subspan(std::min(rest.size(), std::size_t{rest[1]} * 8 + 8));
    }
    if (next != packet::protocol::gre)
        return std::nullopt;
    return Outer{packet.subspan(8, 16), packet.subspan(24, 16), rest};
}

Bytes inner_of(Bytes gre, const std::optional<std::uint32_t>& wanted) {
    if (gre.size() < sizeof(GreHeader))
        return {};
    const std::uint16_t flags = be16(gre, 0);
    const std::uint16_t type = be16(gre, 2);
    std::size_t size = sizeof(GreHeader) + ((flags & GreHeader::has_checksum) != 0 ? 4 : 0);
    std::optional<std::uint32_t> key;
    if ((flags & GreHeader::has_key) != 0) {
        if (gre.size() < size + 4)
            return {};
        key = std::uint32_t{be16(gre, size)} << 16 | be16(gre, size + 2);
        size += 4;
    }
    size += (flags & GreHeader::has_sequence) != 0 ? 4 : 0;
    const bool is_ip = type == packet::ethertype::ipv4 || type == packet::ethertype::ipv6;
    if (key != wanted || !is_ip || gre.size() <= size)
        return {};
    return gre.subspan(size);
}

}  // namespace

Bytes TunnelView::inner(Bytes frame, program::capture::Direction direction) const {
    const std::size_t offset =
        sizeof(packet::EthernetHeader) + (packet::is_tagged(frame) ? sizeof(packet::VlanTag) : 0);
    if (frame.size() <= offset)
        return {};
    const std::uint16_t type = be16(frame, offset - 2);
    const Bytes packet = frame.subspan(offset);
    const auto outer = type == packet::ethertype::ipv4   ? outer_ipv4(packet)
                       : type == packet::ethertype::ipv6 ? outer_ipv6(packet)
                                                         : std::nullopt;
    if (!outer)
        return {};
    const bool is_in = direction == program::capture::Direction::in;
    const Address& from = is_in ? remote : local;
    const Address& to = is_in ? local : remote;
    if (!std::ranges::equal(outer->source, from.bytes()) ||
        !std::ranges::equal(outer->destination, to.bytes()))
        return {};
    return inner_of(outer->gre, key);
}

}  // namespace detour::engine
