// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/config.h"

#include <algorithm>

namespace detour::model {

namespace {

template <class T>
const T* find_by_name(const std::vector<T>& list, std::string_view name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [name](const T& item) { return item.name == name; });
    return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::string SecondKind::to_string() const {
    return (protocol == Protocol::tcp ? "tcp/" : "udp/") + std::to_string(port);
}

bool DailyWindow::contains(std::chrono::minutes since_midnight) const {
    if (from < to)
        return since_midnight >= from && since_midnight < to;
    return since_midnight >= from || since_midnight < to;
}

const Port* Config::find_port(std::string_view name) const {
    return find_by_name(ports, name);
}

const Uplink* Config::find_uplink(std::string_view name) const {
    return find_by_name(uplinks, name);
}

std::uint16_t Underlay::overhead() const {
    constexpr unsigned ipv4_header = 20;
    constexpr unsigned ipv6_header = 40;
    constexpr unsigned word = 4;  // GRE's first, and each of its optional fields
    const unsigned fields =
        1U + unsigned{has_checksum} + unsigned{key.has_value()} + unsigned{has_sequence};
    return static_cast<std::uint16_t>((local.family() == Family::ipv4 ? ipv4_header : ipv6_header) +
                                      fields * word);
}

std::uint16_t Config::mtu(const Uplink& one) const {
    const std::uint16_t whole = port(one.port).mtu;
    if (!one.underlay)
        return whole;
    const Underlay& underlay = *one.underlay;
    return underlay.mtu.value_or(static_cast<std::uint16_t>(whole - underlay.overhead()));
}

const PrefixSet* Config::find_prefix_set(std::string_view name) const {
    return find_by_name(prefix_sets, name);
}

const PrefixSet* Config::prefix_set_of(const Address& address) const {
    for (const PrefixSet& set : prefix_sets)
        for (const Prefix& prefix : set.prefixes)
            if (prefix.contains(address))
                return &set;
    return nullptr;
}

bool Config::is_lan(PortId port_id) const {
    return std::none_of(uplinks.begin(), uplinks.end(),
                        [port_id](const Uplink& uplink) { return uplink.port == port_id; });
}

const std::string& Config::interface_name(PortId port_id) const {
    return dataplane.kind == DataplaneKind::kernel ? port(port_id).device : port(port_id).name;
}

const std::string& Config::interface_name(UplinkId uplink_id) const {
    const Uplink& link = uplink(uplink_id);
    return link.kind == UplinkKind::gre ? link.name : interface_name(link.port);
}

const std::vector<InterfaceAddress>& Config::link_addresses(UplinkId uplink_id) const {
    const Uplink& link = uplink(uplink_id);
    return link.kind == UplinkKind::gre ? link.inner : port(link.port).addresses;
}

std::optional<InterfaceAddress> Config::link_address(UplinkId uplink_id, Family family) const {
    const Uplink& link = uplink(uplink_id);
    std::vector<Address> neighbours = link.gateways;
    if (link.bgp)
        neighbours.insert(neighbours.end(), link.bgp->peers.begin(), link.bgp->peers.end());
    std::optional<InterfaceAddress> first;
    for (const InterfaceAddress& own : link_addresses(uplink_id)) {
        if (own.address.family() != family)
            continue;
        for (const Address& neighbour : neighbours)
            if (own.network().contains(neighbour))
                return own;
        if (!first)
            first = own;
    }
    return first;
}

std::optional<Address> Config::gateway(UplinkId uplink_id, Family family) const {
    const Uplink& link = uplink(uplink_id);
    if (link.kind == UplinkKind::gre)
        return std::nullopt;
    for (const Address& given : link.gateways)
        if (given.family() == family)
            return given;
    if (link.bgp)
        for (const Address& peer : link.bgp->peers)
            if (peer.family() == family)
                return peer;
    return std::nullopt;
}

bool Config::protects(Family family) const {
    for (const PrefixSet& set : prefix_sets)
        for (const Prefix& prefix : set.prefixes)
            if (prefix.family() == family)
                return true;
    return false;
}

}  // namespace detour::model
