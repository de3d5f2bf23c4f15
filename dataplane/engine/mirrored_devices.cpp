// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/mirrored_devices.h"

#include <algorithm>
#include <iterator>

#include "dataplane/engine/tunnels.h"

namespace detour::engine {
namespace {

fib::SourceCheck source_check_of(const model::Port& port) {
    switch (port.source_check) {
        case model::SourceCheck::loose:
            return fib::SourceCheck::loose;
        case model::SourceCheck::strict:
            return fib::SourceCheck::strict;
        case model::SourceCheck::off:
            break;
    }
    return fib::SourceCheck::off;
}

}  // namespace

mirror::Devices mirrored_devices(const MirroredThings& things) {
    mirror::Devices devices;
    for (const model::Port& port : things.config.ports)
        devices.ports.push_back({.interface = things.port_twins[port.id.value].index(),
                                 .source_check = source_check_of(port)});
    for (const model::Uplink& uplink : things.config.uplinks)
        if (uplink.kind == model::UplinkKind::direct)
            devices.ports[uplink.port.value].uplink = *things.uplink_slots.of(uplink.name);
    for (std::size_t i = 0; i < things.tunnels.size(); ++i) {
        const model::Uplink& uplink = *things.tunnels[i];
        devices.tunnels.push_back(tunnel_device(uplink, things.tunnel_twins[i].index()));
        devices.tunnels.back().uplink = UplinkId(*things.uplink_slots.of(uplink.name));
    }
    for (const model::PrefixSet& set : things.config.prefix_sets)
        for (const Prefix& prefix : set.prefixes)
            devices.prefixes.emplace_back(prefix, PrefixSetId(*things.set_slots.of(set.name)));
    for (const model::Uplink& uplink : things.config.uplinks)
        if (uplink.bgp)
            std::ranges::copy(uplink.bgp->peers, std::back_inserter(devices.peers));
    return devices;
}

}  // namespace detour::engine
