// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/resolve.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre.h"

namespace detour::mirror {

namespace {

using fib::Adjacency;
using fib::Verb;
using packet::Drop;
using packet::Punt;

// Of routes a tunnel's end may be behind: connected, static, ours, zebra's static. Never learned:
// a route through the tunnel itself must not become the way to its far end.
constexpr std::array<std::uint8_t, 5> endpoint_protocols{RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC,
                                                         142, 196};

Resolved drop(Drop reason) {
    Resolved result;
    result.adjacency.verb = Verb::drop;
    result.adjacency.reason = static_cast<std::uint8_t>(reason);
    return result;
}

Resolved punt(Punt reason) {
    Resolved result;
    result.adjacency.verb = Verb::punt;
    result.adjacency.reason = static_cast<std::uint8_t>(reason);
    return result;
}

Resolved fixed(Fixed answer) {
    switch (answer) {
        case Fixed::blackhole:
            return drop(Drop::blackhole);
        case Fixed::prohibit:
            return punt(Punt::prohibit);
        case Fixed::unsupported:
            return punt(Punt::unsupported_rule);
        case Fixed::local:
            return punt(Punt::local);
        case Fixed::broadcast:
            return punt(Punt::broadcast);
        case Fixed::overflow:
            return punt(Punt::other_device);
        case Fixed::none:
        case Fixed::unreachable:
        case Fixed::count_:
            break;
    }
    return punt(Punt::no_route);
}

std::uint16_t mtu_of(const Link& link, std::uint32_t route_mtu) {
    const std::uint32_t mtu = route_mtu != 0 ? std::min(route_mtu, link.mtu) : link.mtu;
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, 0xffff));
}

void prepend_ethernet(Adjacency& adjacency, const MacAddress& destination,
                      const MacAddress& source) {
    const auto header = packet::build_ethernet_header(destination, source, Family::ipv4);
    std::memcpy(adjacency.header.data(), &header, sizeof header);
    adjacency.header_size = sizeof header;
}

}  // namespace

Value value_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::blackhole:
            return value_of(Fixed::blackhole);
        case Verdict::unreachable:
            return value_of(Fixed::unreachable);
        case Verdict::prohibit:
            return value_of(Fixed::prohibit);
        case Verdict::unsupported:
            break;
    }
    return value_of(Fixed::unsupported);
}

Resolver::Resolver(const KernelState& kernel, const Devices& devices)
    : kernel_(&kernel), devices_(&devices) {
    for (const TunnelDevice& tunnel : devices.tunnels)
        tunnels_.push_back(resolve_tunnel(tunnel));
}

Resolution Resolver::resolve(Value value) const {
    if (const auto path = path_of(value))
        return resolve_path(kernel_->paths()[*path]);
    return {fixed(static_cast<Fixed>(value))};
}

Resolution Resolver::resolve_path(const Path& path) const {
    if (path.is_foreign)
        return {punt(Punt::unsupported_rule)};
    switch (path.type) {
        case RouteType::unicast:
            break;
        case RouteType::local:
        case RouteType::anycast:
            return {punt(Punt::local)};
        case RouteType::broadcast:
        case RouteType::multicast:
            return {punt(Punt::broadcast)};
        case RouteType::blackhole:
            return {drop(Drop::blackhole)};
        case RouteType::prohibit:
            return {punt(Punt::prohibit)};
        case RouteType::unreachable:
        case RouteType::throw_away:
            return {punt(Punt::no_route)};
        case RouteType::other:
            return {punt(Punt::other_device)};
    }
    Resolution result;
    if (path.nexthop.value != 0)
        add_nexthop(result, path.nexthop, path.mtu, 1);
    for (const Hop& hop : path.hops)
        add_hop(result, hop, path.mtu, hop.weight);
    if (result.empty())
        return {punt(Punt::no_route)};
    // As the kernel chooses: a member that can send is preferred to one that is still waiting for
    // its neighbour (which the mirror has the kernel look for).
    const auto can_send = [](const Resolved& one) {
        return one.adjacency.verb == Verb::forward || one.adjacency.verb == Verb::tunnel ||
               (one.adjacency.verb == Verb::drop &&
                one.adjacency.reason == static_cast<std::uint8_t>(Drop::blackhole));
    };
    if (result.size() > 1 && std::ranges::any_of(result, can_send))
        std::erase_if(result, [&](const Resolved& one) { return !can_send(one); });
    return result;
}

void Resolver::add_hop(Resolution& out, const Hop& hop, std::uint32_t mtu, unsigned weight) const {
    if (hop.is_dead)
        return;
    out.push_back(resolve_hop(hop, mtu));
    out.back().weight = static_cast<std::uint16_t>(weight);
}

void Resolver::add_nexthop(Resolution& out, NexthopId id, std::uint32_t mtu,
                           unsigned weight) const {
    const Nexthop* nexthop = kernel_->nexthops().find(id);
    if (nexthop == nullptr)
        return;
    if (nexthop->is_foreign) {
        out.push_back(punt(Punt::unsupported_rule));
    } else if (nexthop->is_blackhole) {
        out.push_back(drop(Drop::blackhole));
    } else if (nexthop->members.empty()) {
        add_hop(out, nexthop->hop, mtu, weight);
        return;
    } else {
        // The kernel refuses groups of groups.
        for (const NexthopMember& member : nexthop->members) {
            const Nexthop* one = kernel_->nexthops().find(member.id);
            if (one != nullptr && one->members.empty())
                add_nexthop(out, member.id, mtu, member.weight);
        }
        return;
    }
    out.back().weight = static_cast<std::uint16_t>(weight);
}

Resolved Resolver::resolve_hop(const Hop& hop, std::uint32_t route_mtu) const {
    const Link* link = kernel_->links().find(hop.device);
    if (link == nullptr)
        return punt(Punt::other_device);
    if (const auto port = port_of(hop.device))
        return resolve_port(*port, *link, hop.gateway, route_mtu);
    const auto index = tunnel_of(hop.device);
    if (!index)
        return punt(Punt::other_device);
    Resolved result = tunnels_[index->value];
    if (result.adjacency.verb == Verb::tunnel)
        result.adjacency.mtu = mtu_of(*link, route_mtu);
    return result;
}

Resolved Resolver::resolve_port(PortId port, const Link& link, const std::optional<Address>& next,
                                std::uint32_t route_mtu) const {
    if (!link.is_up || !link.has_carrier)
        return drop(Drop::port_down);
    Resolved waiting = punt(Punt::unresolved);
    waiting.adjacency.port = port.value;
    if (!next)
        return waiting;
    const NeighbourKey key{link.interface, *next};
    const Neighbour* neighbour = kernel_->neighbours().find(key);
    if (neighbour == nullptr || !neighbour->is_usable() || !link.mac) {
        waiting.neighbour = key;
        return waiting;
    }
    Resolved result;
    result.neighbour = key;
    Adjacency& adjacency = result.adjacency;
    adjacency.verb = Verb::forward;
    adjacency.reason = 0;
    adjacency.port = port.value;
    adjacency.uplink = devices_->ports[port.value].uplink;
    adjacency.mtu = mtu_of(link, route_mtu);
    prepend_ethernet(adjacency, *neighbour->mac, *link.mac);
    return result;
}

Resolved Resolver::resolve_host(const NeighbourKey& host, std::uint32_t route_mtu) const {
    return resolve_hop({host.interface, host.address, 1, false}, route_mtu);
}

Resolved Resolver::resolve_tunnel(const TunnelDevice& tunnel) const {
    const auto index = static_cast<std::uint16_t>(&tunnel - devices_->tunnels.data());
    const Link* link = kernel_->links().find(tunnel.interface);
    const Link* underlay = kernel_->links().find(devices_->ports[tunnel.underlay.value].interface);
    if (link == nullptr || underlay == nullptr || !link->is_up)
        return drop(Drop::port_down);
    const auto next = endpoint_next_hop(tunnel);
    if (!next)
        return drop(Drop::tunnel_unresolved);
    Resolved result = resolve_port(tunnel.underlay, *underlay, next, 0);
    if (result.adjacency.verb == Verb::punt)  // never punt what we made ourselves
        result.adjacency = drop(Drop::tunnel_unresolved).adjacency;
    if (result.adjacency.verb != Verb::forward)
        return result;
    const packet::GreEndpoint endpoint = tunnel.endpoint();
    const auto outer = packet::build_gre_template(endpoint);
    Adjacency& adjacency = result.adjacency;
    adjacency.verb = Verb::tunnel;
    adjacency.tunnel = index;
    adjacency.uplink = tunnel.uplink.value;
    adjacency.mtu = mtu_of(*link, 0);
    adjacency.checksum = outer.checksum;
    adjacency.options = endpoint.options();
    adjacency.dscp = endpoint.dscp.value_or(0);
    adjacency.mss = tunnel.mss;
    packet::header_at<packet::EthernetHeader>(adjacency.header.data()).type =
        packet::Be16::of(packet::ethertype_of(tunnel.local.family()));
    adjacency.outer_offset = adjacency.header_size;
    std::ranges::copy(outer.header(), adjacency.header.begin() + adjacency.header_size);
    adjacency.header_size = static_cast<std::uint8_t>(adjacency.header_size + outer.size);
    return result;
}

// Connected and static routes of main over the underlay's port only: recursion is impossible.
std::optional<Address> Resolver::endpoint_next_hop(const TunnelDevice& tunnel) const {
    const RouteTable* routes = kernel_->table(tunnel.remote.family(), main_table);
    if (routes == nullptr)
        return std::nullopt;
    const InterfaceIndex device = devices_->ports[tunnel.underlay.value].interface;
    for (int length = bit_count(tunnel.remote.family()); length >= 0; --length) {
        const Prefix prefix(tunnel.remote, static_cast<std::uint8_t>(length));
        for (auto at = routes->entries().lower_bound({prefix, 0xff, 0});
             at != routes->entries().end() && at->first.prefix == prefix; ++at) {
            const Path& path = kernel_->paths()[at->second.first];
            const Hop* hop = only_hop(path);
            if (path.type == RouteType::unicast && !path.is_foreign && hop != nullptr &&
                hop->device == device && std::ranges::count(endpoint_protocols, path.protocol) != 0)
                return hop->gateway ? hop->gateway : tunnel.remote;
        }
    }
    return std::nullopt;
}

const Hop* Resolver::only_hop(const Path& path) const {
    if (path.nexthop.value == 0)
        return path.hops.size() == 1 && !path.hops[0].is_dead ? &path.hops[0] : nullptr;
    const Nexthop* nexthop = kernel_->nexthops().find(path.nexthop);
    if (nexthop != nullptr && nexthop->members.size() == 1)
        nexthop = kernel_->nexthops().find(nexthop->members[0].id);
    const bool is_hop = nexthop != nullptr && nexthop->members.empty() && !nexthop->is_blackhole &&
                        !nexthop->is_foreign && !nexthop->hop.is_dead;
    return is_hop ? &nexthop->hop : nullptr;
}

std::optional<InterfaceIndex> Resolver::connected_link(Value value) const {
    const auto id = path_of(value);
    if (!id)
        return std::nullopt;
    const Path& path = kernel_->paths()[*id];
    if (path.type != RouteType::unicast || path.is_foreign)
        return std::nullopt;
    const Hop* hop = only_hop(path);
    if (hop == nullptr || hop->gateway || !port_of(hop->device))
        return std::nullopt;
    return hop->device;
}

// Of all its hops, in order; a blackhole object's is none.
std::vector<InterfaceIndex> Resolver::devices_of(const Path& path) const {
    std::vector<InterfaceIndex> devices;
    for (const Hop& hop : path.hops)
        devices.push_back(hop.device);
    const Nexthop* nexthop = kernel_->nexthops().find(path.nexthop);
    if (nexthop != nullptr && nexthop->members.empty())
        devices.push_back(nexthop->hop.device);
    if (nexthop != nullptr)
        for (const NexthopMember& member : nexthop->members)
            if (const Nexthop* one = kernel_->nexthops().find(member.id))
                devices.push_back(one->hop.device);
    return devices;
}

Resolver::Standing Resolver::standing(PathId id) const {
    const Path& path = kernel_->paths()[id];
    Standing standing;
    standing.is_error = path.type >= RouteType::blackhole && path.type <= RouteType::throw_away;
    if (path.nexthop.value == 0) {
        standing.is_usable = path.hops.empty() || !std::ranges::all_of(path.hops, &Hop::is_dead);
    } else {
        const Nexthop* nexthop = kernel_->nexthops().find(path.nexthop);
        standing.is_waiting = nexthop == nullptr;
        standing.is_usable = nexthop != nullptr;
        if (nexthop != nullptr && nexthop->members.size() == 1)
            nexthop = kernel_->nexthops().find(nexthop->members.front().id);
        standing.is_error |= nexthop != nullptr && nexthop->is_blackhole;
    }
    const auto devices = devices_of(path);
    const auto group_of = [this](InterfaceIndex device) -> std::int64_t {
        const Link* link = kernel_->links().find(device);
        return link ? std::int64_t{link->group} : -1;
    };
    if (devices.empty())
        return standing;
    standing.group = group_of(devices.front());
    standing.is_mixed = std::ranges::any_of(
        devices, [&](InterfaceIndex device) { return group_of(device) != standing.group; });
    return standing;
}

std::optional<PortId> Resolver::port_of(InterfaceIndex interface) const {
    const auto at = std::ranges::find(devices_->ports, interface, &PortDevice::interface);
    if (at == devices_->ports.end())
        return std::nullopt;
    return PortId(static_cast<std::uint16_t>(at - devices_->ports.begin()));
}

std::optional<fib::TunnelIndex> Resolver::tunnel_of(InterfaceIndex interface) const {
    const auto at = std::ranges::find(devices_->tunnels, interface, &TunnelDevice::interface);
    if (at == devices_->tunnels.end())
        return std::nullopt;
    return fib::TunnelIndex(static_cast<std::uint16_t>(at - devices_->tunnels.begin()));
}

}  // namespace detour::mirror
