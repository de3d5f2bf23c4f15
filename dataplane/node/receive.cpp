// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/receive.h"

#include <rte_ethdev.h>

namespace detour::node {

std::span<rte_mbuf*> receive(const Inlet& inlet, Frames& frames) {
    const std::uint16_t count =
        rte_eth_rx_burst(inlet.device, inlet.queue, frames.data(), vector_size);
    return std::span(frames).first(count);
}

}  // namespace detour::node
