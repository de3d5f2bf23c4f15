// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/flush.h"

#include <linux/neighbour.h>

#include <algorithm>

namespace detour::mirror {

namespace {

bool takes_plain_route(const Path& path, Family family, Loss loss) {
    switch (loss) {
        case Loss::carrier:
            return false;
        case Loss::gone:
            return true;
        // An IPv4 address stays local while its device is down.
        case Loss::down:
            return family == Family::ipv6 || path.type != RouteType::local;
        case Loss::last_ipv4_address:
            return family == Family::ipv4;
    }
    return false;
}

}  // namespace

bool takes_nexthops(Loss loss) {
    return loss != Loss::last_ipv4_address;
}

bool takes_neighbour(Loss loss, Family family, const Neighbour& neighbour) {
    switch (loss) {
        case Loss::carrier:
            return (neighbour.state & NUD_PERMANENT) == 0;
        case Loss::last_ipv4_address:
            return family == Family::ipv4;
        case Loss::down:
        case Loss::gone:
            return true;
    }
    return true;
}

std::optional<Path> path_after(const Path& path, Family family, InterfaceIndex device, Loss loss) {
    const auto leads_there = [&](const Hop& hop) { return hop.device == device; };
    if (std::ranges::none_of(path.hops, leads_there) || !takes_plain_route(path, family, loss))
        return path;
    Path rest = path;
    for (Hop& hop : rest.hops)
        hop.is_dead |= leads_there(hop);
    if (std::ranges::all_of(rest.hops, &Hop::is_dead))
        return std::nullopt;
    return rest;
}

Path path_revived(const Path& path, InterfaceIndex device) {
    Path alive = path;
    for (Hop& hop : alive.hops)
        if (hop.device == device)
            hop.is_dead = false;
    return alive;
}

}  // namespace detour::mirror
