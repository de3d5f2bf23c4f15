// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/draft.h"

#include <algorithm>

namespace detour::model {

std::optional<std::uint16_t> UnderlayDraft::overhead() const {
    if (!local)
        return std::nullopt;
    Underlay underlay;
    underlay.local = local->value;
    underlay.has_checksum = checksum && checksum->value;
    underlay.has_sequence = sequence && sequence->value;
    if (key)
        underlay.key = key->value;
    return underlay.overhead();
}

const PortDraft* Draft::find_port(std::string_view name) const {
    const auto port = std::find_if(ports.begin(), ports.end(),
                                   [name](const PortDraft& p) { return p.name == name; });
    return port == ports.end() ? nullptr : &*port;
}

const PortDraft* Draft::port_of(const UplinkDraft& uplink) const {
    if (uplink.is(UplinkKind::gre))
        return uplink.underlay && uplink.underlay->port ? find_port(uplink.underlay->port->value)
                                                        : nullptr;
    return uplink.port ? find_port(uplink.port->value) : nullptr;
}

const List<InterfaceAddress>& Draft::link_addresses(const UplinkDraft& uplink) const {
    static const List<InterfaceAddress> unknown = [] {
        List<InterfaceAddress> list;
        list.has_gaps = true;
        return list;
    }();
    if (uplink.is(UplinkKind::gre))
        return uplink.inner;
    const PortDraft* port = port_of(uplink);
    return port == nullptr ? unknown : port->addresses;
}

bool Draft::is_lan(const PortDraft& port) const {
    return std::none_of(uplinks.begin(), uplinks.end(),
                        [&](const UplinkDraft& uplink) { return port_of(uplink) == &port; });
}

std::optional<std::uint16_t> Draft::mtu_of(const PortDraft& port) const {
    if (port.mtu)
        return port.mtu->value;
    if (port.mtu.was_given || (port.parent.was_given && !port.parent))
        return std::nullopt;
    const PortDraft* parent = port.parent ? find_port(port.parent->value) : nullptr;
    if (parent == nullptr || parent->is_vlan())
        return Port{}.mtu;
    return mtu_of(*parent);
}

bool Draft::protects(Family family) const {
    for (const PrefixSetDraft& set : prefix_sets)
        for (const auto& prefix : set.prefixes)
            if (prefix.value.family() == family)
                return true;
    return false;
}

}  // namespace detour::model
