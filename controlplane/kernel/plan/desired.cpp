// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/desired.h"

#include <algorithm>
#include <ranges>

#include "controlplane/kernel/plan/aggregate.h"

namespace detour::kernel::plan {
namespace {

using model::UplinkKind;

bool is_on_link(const std::vector<InterfaceAddress>& ours, const Address& address) {
    return std::ranges::any_of(
        ours, [&](const InterfaceAddress& own) { return own.network().contains(address); });
}

std::uint8_t host_length(Family family) {
    return bit_count(family);
}

// Builds one Desired; each step adds one kind of thing.
class Composition {
 public:
    Composition(const model::Config& config, const Placement& placement, const Links& links)
        : config_(config), placement_(placement), links_(links) {}

    Desired build_ways_out() && {
        for (const model::Uplink& uplink : config_.uplinks)
            for (const Family family : families)
                if (const Link* link = usable(device_name(config_, uplink)))
                    if (carries(config_, uplink, family))
                        add_nexthop(uplink, family, *link);
        for (const model::PrefixSet& set : config_.prefix_sets)
            for (const Family family : families_of(set))
                add_way_out(set, family);
        return std::move(result_);
    }

    Desired build() && {
        add_loopback();
        for (const model::Port& port : config_.ports)
            add_port(port);
        for (const model::Uplink& uplink : config_.uplinks)
            add_uplink(uplink);
        for (const Family family : families)
            add_common_rules(family);
        for (const model::PrefixSet& set : config_.prefix_sets)
            add_set(set);
        for (const Learned& learned : placement_.learned)
            add_learned(learned);
        return std::move(result_);
    }

 private:
    void add_loopback();
    void add_port(const model::Port& port);
    void add_uplink(const model::Uplink& uplink);
    void add_nexthop(const model::Uplink& uplink, Family family, const Link& link);
    void add_uplink_routes(const model::Uplink& uplink, Family family, const Link& link);
    void add_common_rules(Family family);
    void add_enclosure(const std::string& device);
    void add_set(const model::PrefixSet& set);
    void add_lan_routes(const model::PrefixSet& set);
    void add_way_out(const model::PrefixSet& set, Family family);
    void add_learned(const Learned& learned);

    void add_link(LinkGoal goal);
    void add_addresses(const std::string& device, const std::vector<InterfaceAddress>& addresses);
    void add_local(const Address& address);
    void add_route(TableId table, const Prefix& prefix, std::uint32_t metric, RouteWay way) {
        result_.routes.insert_or_assign(RouteKey{table, prefix, metric}, way);
    }

    [[nodiscard]] bool is_lan(PortId port) const;
    [[nodiscard]] bool is_interface_address(const Address& address) const;
    [[nodiscard]] const Link* usable(const std::string& device) const;
    [[nodiscard]] std::optional<Via> lan_way(const model::PrefixSet& set,
                                             const Prefix& prefix) const;

    const model::Config& config_;
    const Placement& placement_;
    const Links& links_;
    Desired result_;
};

// The customer's side: a port that carries no direct uplink and no tunnel.
bool Composition::is_lan(PortId port) const {
    return std::ranges::none_of(config_.uplinks,
                                [&](const model::Uplink& uplink) { return uplink.port == port; });
}

bool Composition::is_interface_address(const Address& address) const {
    const auto holds = [&](const auto& owner) {
        return std::ranges::any_of(owner, [&](const auto& own) { return own.address == address; });
    };
    return std::ranges::any_of(config_.ports, holds, &model::Port::addresses) ||
           std::ranges::any_of(config_.uplinks, holds, &model::Uplink::inner);
}

const Link* Composition::usable(const std::string& device) const {
    const Link* link = find(links_, device);
    return link != nullptr && link->is_usable() ? link : nullptr;
}

void Composition::add_link(LinkGoal goal) {
    if (const Link* link = find(links_, goal.name))
        goal.index = link->index;
    result_.links.insert_or_assign(goal.name, std::move(goal));
}

void Composition::add_addresses(const std::string& device,
                                const std::vector<InterfaceAddress>& addresses) {
    if (const Link* link = find(links_, device))
        for (const InterfaceAddress& address : addresses)
            result_.addresses.insert({link->index, address});
}

// Beacons and control sources live on lo, unless a link has the address anyway.
void Composition::add_local(const Address& address) {
    if (!is_interface_address(address))
        add_addresses("lo", {{address, host_length(address.family())}});
}

void Composition::add_loopback() {
    add_link({.index = {}, .name = "lo", .group = {}, .mtu = {}, .tunnel = {}});
    for (const model::Uplink& uplink : config_.uplinks)
        for (const Address& source : uplink.control_sources)
            add_local(source);
    for (const model::PrefixSet& set : config_.prefix_sets)
        for (const Address& beacon : set.beacons)
            add_local(beacon);
}

// A twin gets its port's MTU; in kernel mode the interface is the host's own and keeps what it has.
void Composition::add_port(const model::Port& port) {
    const std::string device = device_name(config_, port.id);
    LinkGoal goal{.index = {}, .name = device, .group = {}, .mtu = {}, .tunnel = {}};
    if (config_.dataplane.kind == model::DataplaneKind::dpdk)
        goal.mtu = port.mtu;
    if (!is_lan(port.id))
        goal.group = uplink_group;
    add_link(std::move(goal));
    add_addresses(device, port.addresses);

    if (!is_lan(port.id)) {
        add_enclosure(device);
        return;
    }
    for (const Family family : families)
        result_.rules.insert({.family = family,
                              .priority = priority::prohibit,
                              .iif = device,
                              .oif = {},
                              .source = {},
                              .action = RuleAction::prohibit,
                              .table = {},
                              .suppress_length = {},
                              .suppress_group = {}});
}

// Whatever comes in by this device may go to our prefixes and nowhere else, in either family.
void Composition::add_enclosure(const std::string& device) {
    for (const Family family : families)
        result_.rules.insert({.family = family,
                              .priority = priority::in,
                              .iif = device,
                              .oif = {},
                              .source = {},
                              .action = RuleAction::lookup,
                              .table = table::in,
                              .suppress_length = {},
                              .suppress_group = {}});
}

void Composition::add_uplink(const model::Uplink& uplink) {
    const std::string device = device_name(config_, uplink);
    if (uplink.kind == UplinkKind::gre) {
        LinkGoal goal{.index = {}, .name = device, .group = uplink_group, .mtu = {}, .tunnel = {}};
        const Link* port = find(links_, device_name(config_, uplink.port));
        // The MTU of a TUN is the data plane's to say: the outer path's, less the headers.
        if (config_.dataplane.kind == model::DataplaneKind::kernel && port != nullptr)
            goal.tunnel = Tunnel{port->index, uplink.underlay->local, uplink.underlay->remote,
                                 uplink.underlay->key, uplink.underlay->ttl};
        add_link(std::move(goal));
        add_addresses(device, uplink.inner);
        add_enclosure(device);
    }
    for (const Family family : families) {
        if (!carries(config_, uplink, family))
            continue;
        result_.rules.insert({.family = family,
                              .priority = priority::pinned,
                              .iif = {},
                              .oif = device,
                              .source = {},
                              .action = RuleAction::lookup,
                              .table = table::of(uplink.id),
                              .suppress_length = {},
                              .suppress_group = {}});
        if (const Link* link = usable(device)) {
            add_nexthop(uplink, family, *link);
            add_uplink_routes(uplink, family, *link);
        }
    }
}

void Composition::add_nexthop(const model::Uplink& uplink, Family family, const Link& link) {
    const NexthopId id = nexthop::of(uplink.id, family);
    const Via out{family, link.index, gateway(config_, uplink, family)};
    result_.nexthops.insert_or_assign(id, Nexthop{id, out, our_protocol});
}

void Composition::add_uplink_routes(const model::Uplink& uplink, Family family, const Link& link) {
    const Via direct{family, link.index, std::nullopt};
    const TableId own = table::of(uplink.id);
    for (const InterfaceAddress& address : addresses(config_, uplink))
        if (address.address.family() == family)
            add_route(own, address.network(), metric::normal, direct);
    // A socket bound to the device looks here also for link-local peers.
    if (family == Family::ipv6)
        add_route(own, *Prefix::parse("fe80::/64"), metric::normal, direct);

    const NexthopId id = nexthop::of(uplink.id, family);
    const Prefix everything = Prefix::default_of(family);
    add_route(own, everything, metric::normal, id);
    add_route(table::main, everything, metric::main_default + uplink.id.value, id);
}

void Composition::add_common_rules(Family family) {
    const Rule lookup{.family = family,
                      .priority = 0,
                      .iif = {},
                      .oif = {},
                      .source = {},
                      .action = RuleAction::lookup,
                      .table = table::main,
                      .suppress_length = {},
                      .suppress_group = {}};
    Rule lan = lookup;
    lan.priority = priority::lan;
    lan.suppress_length = 0;
    lan.suppress_group = uplink_group;
    Rule connected = lookup;
    connected.priority = priority::connected;
    connected.suppress_length = 0;
    Rule learned = lookup;
    learned.priority = priority::learned;
    learned.table = table::learned;
    result_.rules.insert({lan, connected, learned});

    add_route(table::in, Prefix::default_of(family), metric::last_resort, Refusal::blackhole);
}

void Composition::add_set(const model::PrefixSet& set) {
    for (const Prefix& source : aggregate(set.prefixes))
        result_.rules.insert({.family = source.family(),
                              .priority = priority::source,
                              .iif = {},
                              .oif = {},
                              .source = source,
                              .action = RuleAction::lookup,
                              .table = table::of(set.id),
                              .suppress_length = {},
                              .suppress_group = {}});
    add_lan_routes(set);
    for (const Family family : families_of(set))
        add_way_out(set, family);
}

// By the next hop of the family, on the LAN port that reaches it; without one, on the LAN port
// whose own address lies in the prefix (or holds it).
std::optional<Via> Composition::lan_way(const model::PrefixSet& set, const Prefix& prefix) const {
    const auto hop = std::ranges::find(set.next_hops, prefix.family(), &Address::family);
    for (const model::Port& port : config_.ports) {
        if (!is_lan(port.id))
            continue;
        const Link* link = usable(device_name(config_, port.id));
        if (link == nullptr)
            continue;
        if (hop != set.next_hops.end() && is_on_link(port.addresses, *hop))
            return Via{prefix.family(), link->index, *hop};
        const auto touches = [&](const InterfaceAddress& own) {
            return own.network().overlaps(prefix);
        };
        if (hop == set.next_hops.end() && std::ranges::any_of(port.addresses, touches))
            return Via{prefix.family(), link->index, std::nullopt};
    }
    return std::nullopt;
}

// In IN for what comes from the world, in main for our own LANs and ourselves.
void Composition::add_lan_routes(const model::PrefixSet& set) {
    for (const Prefix& prefix : set.prefixes) {
        const auto way = lan_way(set, prefix);
        if (!way)
            continue;
        add_route(table::in, prefix, metric::normal, *way);
        add_route(table::main, prefix, metric::normal, *way);
    }
}

void Composition::add_way_out(const model::PrefixSet& set, Family family) {
    const TableId own = table::of(set.id);
    const Prefix everything = Prefix::default_of(family);
    add_route(own, everything, metric::last_resort, Refusal::unreachable);

    const auto placed = placement_.places.find({set.id, family});
    Group group;
    if (placed == placement_.places.end() || placed->second.uplinks.empty()) {
        const NexthopId nowhere = nexthop::blackhole(family);
        result_.nexthops.insert_or_assign(nowhere,
                                          Nexthop{nowhere, Blackhole{family}, our_protocol});
        group.members.push_back(nowhere);
    } else {
        for (const UplinkId uplink : placed->second.uplinks)
            if (const NexthopId id = nexthop::of(uplink, family); result_.nexthops.contains(id))
                group.members.push_back(id);
        std::ranges::sort(group.members);
        const auto repeated = std::ranges::unique(group.members);
        group.members.erase(repeated.begin(), repeated.end());
    }
    if (group.members.empty())
        return;
    const NexthopId id = nexthop::of(set.id, family);
    result_.nexthops.insert_or_assign(id, Nexthop{id, std::move(group), our_protocol});
    add_route(own, everything, metric::normal, id);
}

void Composition::add_learned(const Learned& learned) {
    const NexthopId id = nexthop::of(learned.uplink, learned.prefix.family());
    if (result_.nexthops.contains(id))
        add_route(table::learned, learned.prefix, metric::normal, id);
}

}  // namespace

Desired desired(const model::Config& config, const Placement& placement, const Links& links) {
    return Composition(config, placement, links).build();
}

Desired ways_out(const model::Config& config, const Placement& placement, const Links& links) {
    return Composition(config, placement, links).build_ways_out();
}

std::string device_name(const model::Config& config, PortId port) {
    const model::Port& own = config.ports.at(port.value);
    return config.dataplane.kind == model::DataplaneKind::kernel ? own.device : own.name;
}

std::string device_name(const model::Config& config, const model::Uplink& uplink) {
    return uplink.kind == UplinkKind::gre ? uplink.name : device_name(config, uplink.port);
}

const std::vector<InterfaceAddress>& addresses(const model::Config& config,
                                               const model::Uplink& uplink) {
    return uplink.kind == UplinkKind::gre ? uplink.inner
                                          : config.ports.at(uplink.port.value).addresses;
}

std::optional<Address> gateway(const model::Config& config, const model::Uplink& uplink,
                               Family family) {
    if (uplink.kind == UplinkKind::gre)
        return std::nullopt;
    const auto of_family = [&](const Address& address) { return address.family() == family; };
    if (const auto own = std::ranges::find_if(uplink.gateways, of_family);
        own != uplink.gateways.end())
        return *own;
    if (!uplink.bgp)
        return std::nullopt;
    const auto& ours = addresses(config, uplink);
    for (const Address& peer : uplink.bgp->peers)
        if (of_family(peer) && is_on_link(ours, peer))
            return peer;
    return std::nullopt;
}

bool carries(const model::Config& config, const model::Uplink& uplink, Family family) {
    if (uplink.kind == UplinkKind::direct)
        return gateway(config, uplink, family).has_value();
    return std::ranges::any_of(uplink.inner, [&](const InterfaceAddress& inner) {
        return inner.address.family() == family;
    });
}

std::vector<Family> families_of(const model::PrefixSet& set) {
    std::vector<Family> result;
    for (const Family family : families)
        if (std::ranges::any_of(set.prefixes,
                                [&](const Prefix& prefix) { return prefix.family() == family; }))
            result.push_back(family);
    return result;
}

}  // namespace detour::kernel::plan
