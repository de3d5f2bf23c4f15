// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The start of a burst: frames off a port's queue.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/node/vector.h"

namespace detour::node {

class VlanPorts;
enum class Spread : std::uint8_t;

// A queue that a worker polls.
struct Inlet {
    PortId port;
    const VlanPorts* vlans = nullptr;  // on the same device; null: there are none
    Spread spread{};                   // over the workers: by default nothing
    std::uint16_t device = 0;          // DPDK's number
    std::uint16_t queue = 0;
};

using Frames = std::array<rte_mbuf*, vector_size>;

// What is there, at most vector_size, in `frames`, which keeps it.
[[nodiscard]] std::span<rte_mbuf*> receive(const Inlet& inlet, Frames& frames);

}  // namespace detour::node
