// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Strong ids: an index into the configuration's list of one kind of thing, or a number the outside
// world gives, that cannot be mistaken for another. Ordered and hashable; no arithmetic.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace detour {

template <class Tag, class Rep>
struct StrongId {
    Rep value{};

    constexpr StrongId() = default;
    constexpr explicit StrongId(Rep v) : value(v) {}

    friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

// Positions in the configuration's lists, in the order of the file.
using PortId = StrongId<struct PortTag, std::uint16_t>;
using UplinkId = StrongId<struct UplinkTag, std::uint16_t>;
using PrefixSetId = StrongId<struct PrefixSetTag, std::uint16_t>;
using TargetId = StrongId<struct TargetTag, std::uint16_t>;

// Numbers of the outside world.
using AsNumber = StrongId<struct AsNumberTag, std::uint32_t>;         // RFC 6793
using InterfaceIndex = StrongId<struct InterfaceTag, std::uint32_t>;  // kernel ifindex, 0 = none
using NexthopId = StrongId<struct NexthopTag, std::uint32_t>;         // RTM_NEWNEXTHOP, 0 = none
using TableId = StrongId<struct TableTag, std::uint32_t>;             // routing table number

}  // namespace detour

template <class Tag, class Rep>
struct std::hash<detour::StrongId<Tag, Rep>> {
    std::size_t operator()(const detour::StrongId<Tag, Rep>& id) const noexcept {
        return std::hash<Rep>{}(id.value);
    }
};
