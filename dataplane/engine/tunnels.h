// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which uplinks are tunnels: a fib::TunnelIndex is a place in this list.
#pragma once

#include <vector>

#include "conf/model/config.h"

namespace detour::engine {

// The gre uplinks in the order of the configuration, which outlives the list.
[[nodiscard]] inline std::vector<const model::Uplink*> gre_uplinks(const model::Config& config) {
    std::vector<const model::Uplink*> uplinks;
    for (const model::Uplink& uplink : config.uplinks)
        if (uplink.kind == model::UplinkKind::gre)
            uplinks.push_back(&uplink);
    return uplinks;
}

}  // namespace detour::engine
