// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which uplinks are tunnels: a fib::TunnelIndex is a place in this list; and how the rooms below
// want them described.
#pragma once

#include <vector>

#include "conf/model/config.h"
#include "dataplane/mirror/devices.h"
#include "dataplane/node/tunnel_finder.h"

namespace detour::engine {

// The gre uplinks in the order of the configuration, which outlives the list.
[[nodiscard]] inline std::vector<const model::Uplink*> gre_uplinks(const model::Config& config) {
    std::vector<const model::Uplink*> uplinks;
    for (const model::Uplink& uplink : config.uplinks)
        if (uplink.kind == model::UplinkKind::gre)
            uplinks.push_back(&uplink);
    return uplinks;
}

// By TunnelIndex: how to know a packet's tunnel.
[[nodiscard]] std::vector<node::TunnelEnds> tunnel_ends(
    const std::vector<const model::Uplink*>& tunnels);
// How to send into one; `interface` is its TUN.
[[nodiscard]] mirror::TunnelDevice tunnel_device(const model::Uplink& uplink,
                                                 InterfaceIndex interface);

}  // namespace detour::engine
