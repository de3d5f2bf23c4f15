// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the mirror is told of this box: which interface of the kernel is which port or tunnel, and
// whose packets are counted for whom.
#pragma once

#include <span>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/slots.h"
#include "dataplane/engine/twin.h"
#include "dataplane/mirror/devices.h"

namespace detour::engine {

struct MirroredThings {
    const model::Config& config;
    std::span<const Twin> port_twins;                  // by PortId
    const std::vector<const model::Uplink*>& tunnels;  // by TunnelIndex
    std::span<const Twin> tunnel_twins;                // by TunnelIndex
    const Slots& uplink_slots;                         // hold each uplink and set of `config`
    const Slots& set_slots;
};

[[nodiscard]] mirror::Devices mirrored_devices(const MirroredThings& things);

}  // namespace detour::engine
