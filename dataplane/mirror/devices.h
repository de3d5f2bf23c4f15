// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The interfaces that are ours, as the mirror must know them: what it compiles for, and where a
// route may lead without a punt. The engine fills it once its twins exist; ports and tunnels
// stay while the mirror lives, what belongs to them may change. Everything else about an interface
// (name, MAC, MTU, group, up, carrier) is read from the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "conf/types/prefix.h"
#include "dataplane/fib/forwarding_state.h"
#include "dataplane/packet/gre.h"

namespace detour::mirror {

// A port's TAP. Its PortId is its place in Devices::ports.
struct PortDevice {
    InterfaceIndex interface;
    std::uint16_t uplink = fib::no_uplink;  // UplinkId of the direct uplink on this port
    fib::SourceCheck source_check = fib::SourceCheck::off;

    friend bool operator==(const PortDevice&, const PortDevice&) = default;
};

// A gre uplink's TUN. Its TunnelIndex is its place in Devices::tunnels.
struct TunnelDevice {
    InterfaceIndex interface;
    UplinkId uplink;
    PortId underlay;  // the port the outer packets run over
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint8_t ttl = 64;
    bool has_checksum = false;
    bool has_sequence = false;
    packet::DontFragment dont_fragment = packet::DontFragment::set;
    std::optional<std::uint8_t> dscp = {};
    std::uint16_t mss = 0;  // as fib::Adjacency's

    [[nodiscard]] packet::GreEndpoint endpoint() const {
        return {local, remote, key, ttl, has_checksum, has_sequence, dont_fragment, dscp};
    }

    friend bool operator==(const TunnelDevice&, const TunnelDevice&) = default;
};

struct Devices {
    std::vector<PortDevice> ports;
    std::vector<TunnelDevice> tunnels;
    // The prefix sets' prefixes: what fib::Leaf::set names.
    std::vector<std::pair<Prefix, PrefixSetId>> prefixes;
    // BGP neighbours of the uplinks.
    std::vector<Address> peers;

    friend bool operator==(const Devices&, const Devices&) = default;
};

}  // namespace detour::mirror
