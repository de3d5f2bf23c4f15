// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// VLAN tags (IEEE 802.1Q): which VLAN a frame belongs to, and its tag taken off or put on. One tag,
// behind the MAC addresses; service tags (802.1ad) and a second tag are none of ours. Priority and
// drop eligibility are not looked at, and 0 in what leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/ethernet.h"

namespace detour::packet {

// Instead of the frame's type, which follows it.
struct VlanTag {
    static constexpr std::uint16_t type = 0x8100;
    static constexpr std::uint16_t identifier_mask = 0x0fff;

    Be16 tag_type;
    Be16 control;
};
static_assert(sizeof(VlanTag) == 4);

inline constexpr std::size_t vlan_count = 4096;

// Where the tag stands, and the frame's type without one.
inline constexpr std::size_t vlan_offset = offsetof(EthernetHeader, type);

// The tag and the frame's type behind it are there.
[[nodiscard]] inline bool is_tagged(std::span<const std::uint8_t> frame) {
    return frame.size() >= sizeof(EthernetHeader) + sizeof(VlanTag) &&
           header_at<Be16>(frame.data() + vlan_offset).value() == VlanTag::type;
}

// 802.1Q 9.6: 0 is no VLAN but a priority alone; 4095 is reserved. Of a tagged frame.
[[nodiscard]] inline std::uint16_t vlan_of(const std::uint8_t* frame) {
    return header_at<VlanTag>(frame + vlan_offset).control.value() & VlanTag::identifier_mask;
}

// The start of the same frame without its tag.
inline std::uint8_t* pop_vlan(std::uint8_t* frame) {
    std::memmove(frame + sizeof(VlanTag), frame, vlan_offset);
    return frame + sizeof(VlanTag);
}

// The start of the same frame with a tag; there is room for it before the frame.
inline std::uint8_t* push_vlan(std::uint8_t* frame, std::uint16_t vlan) {
    std::uint8_t* const start = frame - sizeof(VlanTag);
    std::memmove(start, frame, vlan_offset);
    const VlanTag tag{Be16::of(VlanTag::type), Be16::of(vlan)};
    std::memcpy(start + vlan_offset, &tag, sizeof tag);
    return start;
}

}  // namespace detour::packet
