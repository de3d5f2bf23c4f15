// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Ethernet II frames: what a port's frame carries, and the header that is put before a packet that
// leaves. Tags are off by then (vlan.h): a tagged frame is an unknown type.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "conf/types/address.h"
#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/finding.h"

namespace detour::packet {

using MacAddress = std::array<std::uint8_t, 6>;

// Also the protocol types of GRE (RFC 2784 2.4).
namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800;
inline constexpr std::uint16_t arp = 0x0806;
inline constexpr std::uint16_t ipv6 = 0x86dd;
}  // namespace ethertype

[[nodiscard]] constexpr std::uint16_t ethertype_of(Family family) {
    return family == Family::ipv4 ? ethertype::ipv4 : ethertype::ipv6;
}

struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

[[nodiscard]] constexpr bool is_group_address(const MacAddress& mac) {
    return (mac[0] & 0x01) != 0;
}

// The bytes a next hop puts before an IP packet. The type field is of `family`; push_ethernet()
// sets it per packet.
[[nodiscard]] constexpr EthernetHeader build_ethernet_header(const MacAddress& destination,
                                                             const MacAddress& source,
                                                             Family family) {
    return {destination, source, Be16::of(ethertype_of(family))};
}

// What to do with a frame that came in by a port with this MAC: ok means IPv4 or IPv6 to be
// checked, which of them says the type field. ARP is control traffic however it was addressed;
// broadcast and multicast are the kernel's.
[[nodiscard]] inline Finding check_frame(std::span<const std::uint8_t> frame,
                                         const MacAddress& mac) {
    if (frame.size() < sizeof(EthernetHeader))
        return Drop::truncated;
    const auto& header = header_at<EthernetHeader>(frame.data());
    const std::uint16_t type = header.type.value();
    const bool is_ours = header.destination == mac;
    if (!is_ours && !is_group_address(header.destination))
        return Drop::not_for_us;
    if (type == ethertype::arp)
        return Punt::control;
    if (!is_ours)
        return Punt::broadcast;
    if (type != ethertype::ipv4 && type != ethertype::ipv6)
        return Drop::unknown_ethertype;
    return {};
}

// Writes the 14 bytes of `header` right before `packet`, with the type of `family`; returns the
// start of the frame.
inline std::uint8_t* push_ethernet(std::uint8_t* packet, const std::uint8_t* header,
                                   Family family) {
    constexpr std::size_t size = sizeof(EthernetHeader);
    std::uint8_t* const frame = packet - size;
    std::uint64_t head;
    std::uint32_t tail;
    std::memcpy(&head, header, sizeof head);
    std::memcpy(&tail, header + 8, sizeof tail);
    const Be16 type = Be16::of(ethertype_of(family));
    std::memcpy(frame, &head, sizeof head);
    std::memcpy(frame + 8, &tail, sizeof tail);
    std::memcpy(frame + 12, &type, sizeof type);
    return frame;
}

}  // namespace detour::packet
