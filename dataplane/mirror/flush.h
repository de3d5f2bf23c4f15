// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the kernel throws away without a word (design.md 2.3, Linux 6.1 to 6.18). A device that goes
// down, loses carrier or its last IPv4 address takes next hops and routes with it, and the only
// message is the link's or the address's. These pure rules say what, so that the mirror drops it
// at once; a filtered dump confirms afterwards, so a kernel that differs costs milliseconds, not
// correctness.
//
//                       down                  carrier lost     gone    last IPv4 address gone
//   nexthop objects     all on it             all on it        all     stay
//   their routes        with the last member  same             same    stay
//   plain IPv4 routes   all but local         stay             all     all, local too
//   plain IPv6 routes   all, local too        stay             all     stay
//   neighbours          all                   all but          all     IPv4
//                                             permanent
// A multipath route loses the hop and goes with its last one.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/mirror/objects.h"

namespace detour::mirror {

enum class Loss : std::uint8_t { down, carrier, gone, last_ipv4_address };

[[nodiscard]] bool takes_nexthops(Loss loss);
[[nodiscard]] bool takes_neighbour(Loss loss, Family family, const Neighbour& neighbour);

// What becomes of a route with this path when `device` suffers `loss`: the same path, the path with
// the hop dead, or nothing. Routes by nexthop object are not asked: they follow the object.
[[nodiscard]] std::optional<Path> path_after(const Path& path, Family family, InterfaceIndex device,
                                             Loss loss);
// The path once the device is up again and has an address: the kernel revives dead hops silently.
[[nodiscard]] Path path_revived(const Path& path, InterfaceIndex device);

}  // namespace detour::mirror
