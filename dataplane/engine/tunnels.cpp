// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/tunnels.h"

namespace detour::engine {
namespace {

packet::DontFragment policy_of(model::DontFragment policy) {
    switch (policy) {
        case model::DontFragment::copy:
            return packet::DontFragment::copy;
        case model::DontFragment::clear:
            return packet::DontFragment::clear;
        case model::DontFragment::set:
            break;
    }
    return packet::DontFragment::set;
}

}  // namespace

std::vector<node::TunnelEnds> tunnel_ends(const std::vector<const model::Uplink*>& tunnels) {
    std::vector<node::TunnelEnds> ends;
    for (const model::Uplink* uplink : tunnels) {
        const model::Underlay& underlay = *uplink->underlay;
        std::uint8_t options = 0;
        if (underlay.has_checksum)
            options |= packet::gre_option::checksum;
        if (underlay.has_sequence)
            options |= packet::gre_option::sequence;
        if (underlay.keepalive)
            options |= packet::gre_option::keepalive;
        if (underlay.has_reassembly)
            options |= packet::gre_option::reassembly;
        ends.push_back({underlay.local, underlay.remote, underlay.key, options});
    }
    return ends;
}

mirror::TunnelDevice tunnel_device(const model::Uplink& uplink, InterfaceIndex interface) {
    const model::Underlay& underlay = *uplink.underlay;
    return {.interface = interface,
            .uplink = uplink.id,
            .underlay = underlay.port,
            .local = underlay.local,
            .remote = underlay.remote,
            .key = underlay.key,
            .ttl = underlay.ttl,
            .has_checksum = underlay.has_checksum,
            .has_sequence = underlay.has_sequence,
            .dont_fragment = policy_of(underlay.dont_fragment),
            .dscp = underlay.dscp,
            .mss = underlay.mss};
}

}  // namespace detour::engine
