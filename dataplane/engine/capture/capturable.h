// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What `detour capture` may look at: the ports, and the tunnels, each seen on its underlay's port.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/capture/tunnel_view.h"
#include "dataplane/engine/port/port.h"

namespace detour::engine {

struct Capturable {
    std::string name;
    std::uint16_t device = 0;  // DPDK's number of the port
    std::uint16_t receive_queue_count = 0;
    std::uint16_t transmit_queue_count = 0;
    std::uint16_t vlan = 0;  // frames of this VLAN alone, without their tag; 0: all, as they are
    std::optional<TunnelView> tunnel;
};

// `ports` by PortId; `tunnels` are gre uplinks.
[[nodiscard]] std::vector<Capturable> capturables(std::span<const Port> ports,
                                                  const std::vector<const model::Uplink*>& tunnels);

}  // namespace detour::engine
