// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/inner_flow.h"

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/flow.h"
#include "dataplane/packet/gre.h"
#include "dataplane/packet/gre_options.h"

namespace detour::packet {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool is_whole_ipv4(Bytes packet) {
    if (packet.size() < sizeof(Ipv4Header) || packet[0] >> 4 != 4)
        return false;
    const auto& header = header_at<Ipv4Header>(packet.data());
    const std::size_t length = header.total_length.value();
    return header.header_size() >= sizeof(Ipv4Header) && length >= header.header_size() &&
           length <= packet.size();
}

bool is_whole_ipv6(Bytes packet) {
    return packet.size() >= sizeof(Ipv6Header) && packet[0] >> 4 == 6 &&
           header_at<Ipv6Header>(packet.data()).total_length() <= packet.size();
}

bool is_whole(Bytes packet) {
    return is_whole_ipv4(packet) || is_whole_ipv6(packet);
}

// Of a whole packet.
std::uint32_t hash_of(Bytes packet) {
    return packet[0] >> 4 == 4 ? flow_hash(header_at<Ipv4Header>(packet.data()))
                               : flow_hash(header_at<Ipv6Header>(packet.data()));
}

// Where GRE begins in a whole packet, if it is there and can be read.
std::optional<std::size_t> gre_in(Bytes packet) {
    if (packet[0] >> 4 == 4) {
        const auto& header = header_at<Ipv4Header>(packet.data());
        return header.protocol == protocol::gre && !header.is_fragment()
                   ? std::optional(header.header_size())
                   : std::nullopt;
    }
    if (!may_carry_gre(header_at<Ipv6Header>(packet.data()).next_header))
        return std::nullopt;
    const std::size_t length = header_at<Ipv6Header>(packet.data()).total_length();
    const GreOffset at = gre_offset(packet.first(length));
    return at.finding.is_ok() ? at.offset : std::nullopt;
}

}  // namespace

std::optional<InnerFlow> inner_flow(Bytes frame) {
    if (frame.size() < sizeof(EthernetHeader))
        return std::nullopt;
    const std::uint16_t type = header_at<EthernetHeader>(frame.data()).type.value();
    if (type != ethertype::ipv4 && type != ethertype::ipv6)
        return std::nullopt;
    const Bytes packet = frame.subspan(sizeof(EthernetHeader));
    if (!is_whole(packet))
        return std::nullopt;
    const auto at = gre_in(packet);
    if (!at)
        return InnerFlow{hash_of(packet), false};
    const auto gre = parse_gre(packet.subspan(*at));
    if (!gre || gre->options == gre_option::keepalive || (gre->options & gre_option::sequence) != 0)
        return InnerFlow{hash_of(packet), true};
    const Bytes inner = packet.subspan(*at + gre->header_size);
    return InnerFlow{hash_of(is_whole(inner) ? inner : packet), true};
}

}  // namespace detour::packet
