// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/capture/capturable.h"

namespace detour::engine {

std::vector<Capturable> capturables(std::span<const Port> ports,
                                    const std::vector<const model::Uplink*>& tunnels) {
    std::vector<Capturable> things;
    for (const Port& port : ports) {
        const Port& owner = port.parent() ? ports[port.parent()->value] : port;
        things.push_back({.name = port.name(),
                          .device = port.device(),
                          .receive_queue_count = owner.receive_queue_count(),
                          .transmit_queue_count = owner.transmit_queue_count(),
                          .vlan = port.vlan(),
                          .tunnel = {}});
    }
    for (const model::Uplink* uplink : tunnels) {
        const model::Underlay& underlay = *uplink->underlay;
        Capturable thing = things[underlay.port.value];
        thing.name = uplink->name;
        thing.tunnel = TunnelView{underlay.local, underlay.remote, underlay.key};
        things.push_back(std::move(thing));
    }
    return things;
}

}  // namespace detour::engine
