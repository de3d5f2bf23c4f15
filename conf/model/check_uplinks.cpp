// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

void check_shape(const UplinkDraft& uplink, const Complaints& complaints) {
    if (!uplink.kind)
        return;
    if (uplink.is(UplinkKind::direct)) {
        if (!uplink.port.was_given)
            complaints.error(uplink.place, "a direct uplink needs port: the port that it is on");
        if (uplink.underlay)
            complaints.error(uplink.underlay->place,
                             "a direct uplink has no underlay; say kind: gre, or remove it");
        if (!uplink.inner.empty())
            complaints.error(uplink.inner.front().place,
                             "a direct uplink has no inner addresses; the port's addresses count");
        return;
    }
    if (!uplink.underlay)
        complaints.error(uplink.place,
                         "a gre uplink needs underlay: {port: ..., local: ..., remote: ...}");
    if (uplink.port)
        complaints.error(uplink.port->place, "a gre uplink names its port under underlay");
    if (uplink.inner.empty() && !uplink.inner.has_gaps)
        complaints.error(uplink.place, "a gre uplink needs inner: our addresses in the tunnel");
    for (const auto& gateway : uplink.gateways)
        complaints.error(gateway.place,
                         "a gre uplink needs no gateway: its tunnel is the next hop; remove it");
}

void check_port_name(const Draft& draft, const Given<std::string>& name,
                     const Complaints& complaints) {
    if (name && !draft.ports.empty() && draft.find_port(name->value) == nullptr)
        complaints.error(name->place, unknown_port(draft, name->value));
}

// The port carries one direct uplink: packets that come in by it must have one owner.
void check_sharing(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    for (const UplinkDraft& earlier : draft.uplinks) {
        if (&earlier == &uplink)
            return;
        if (earlier.is(UplinkKind::direct) && uplink.is(UplinkKind::direct) && earlier.port &&
            uplink.port && earlier.port->value == uplink.port->value)
            complaints.error(uplink.port->place,
                             fmt::format("port {} is uplink {}'s; a port carries one direct uplink",
                                         uplink.port->value, earlier.name));
    }
}

std::string fault_of_remote(const Draft& draft, const UnderlayDraft& underlay,
                            const PortDraft& port) {
    const Address& remote = underlay.remote->value;
    if (underlay.local && underlay.local->value.family() != remote.family())
        return "local and remote are of different families";
    if (const auto owner = owner_of(draft, remote); !owner.empty())
        return fmt::format("this is our own address, of {}; give the far end's", owner);
    if (!underlay.gateway.was_given && !may_be_on_link(port.addresses, remote))
        return fmt::format("not on the link of port {}; add gateway: the next hop to it there",
                           port.name);
    return {};
}

void check_underlay(const Draft& draft, const UnderlayDraft& underlay,
                    const Complaints& complaints) {
    check_port_name(draft, underlay.port, complaints);
    for (const auto& end : {underlay.local, underlay.remote, underlay.gateway})
        if (end)
            refuse_inside_block(draft, *end, "the tunnel's endpoint", complaints);
    const PortDraft* port = underlay.port ? draft.find_port(underlay.port->value) : nullptr;
    if (port == nullptr)
        return;
    if (underlay.local && !port->addresses.has_gaps &&
        owner_of(draft, underlay.local->value) != port->name)
        complaints.error(
            underlay.local->place,
            fmt::format("not an address of port {}; our end is one of them", port->name));
    if (underlay.remote)
        if (auto fault = fault_of_remote(draft, underlay, *port); !fault.empty())
            complaints.error(underlay.remote->place, fault);
    if (underlay.gateway && !may_be_on_link(port->addresses, underlay.gateway->value))
        complaints.error(underlay.gateway->place,
                         fmt::format("not on the link of port {}", port->name));
}

// Received packets are told apart by remote, local and key: no two tunnels may share all three.
void check_tunnel_identity(const Draft& draft, const UplinkDraft& uplink,
                           const Complaints& complaints) {
    const auto identity = [](const UplinkDraft& u) {
        const auto& underlay = *u.underlay;
        return std::tuple(underlay.local->value, underlay.remote->value,
                          underlay.key ? std::optional(underlay.key->value) : std::nullopt);
    };
    const auto has_identity = [](const UplinkDraft& u) {
        return u.is(UplinkKind::gre) && u.underlay && u.underlay->local && u.underlay->remote;
    };
    if (!has_identity(uplink))
        return;
    for (const UplinkDraft& earlier : draft.uplinks) {
        if (&earlier == &uplink)
            return;
        if (has_identity(earlier) && identity(earlier) == identity(uplink))
            complaints.error(uplink.underlay->place,
                             fmt::format("uplink {} has the same endpoints and key: their packets "
                                         "could not be told apart; give each a key",
                                         earlier.name));
    }
}

void check_gateways(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    const auto& link = draft.link_addresses(uplink);
    std::array<bool, 2> seen{};
    for (const auto& gateway : uplink.gateways) {
        refuse_inside_block(draft, gateway, "the gateway", complaints);
        if (!may_be_on_link(link, gateway.value))
            complaints.error(gateway.place, "the gateway is not on the uplink's link");
        else if (!owner_of(draft, gateway.value).empty())
            complaints.error(gateway.place, "this is our own address; give the neighbour's");
        if (std::exchange(seen[static_cast<std::size_t>(gateway.value.family())], true))
            complaints.error(gateway.place, fmt::format("a second {} gateway; one a family",
                                                        display_name(gateway.value.family())));
    }
}

// Whether the next hop of a direct uplink is clear in a family that it can and must carry.
void check_next_hop(const Draft& draft, const UplinkDraft& uplink, Family family,
                    const Complaints& complaints) {
    const auto is_family = [family](const Located<Address>& a) {
        return a.value.family() == family;
    };
    if (std::any_of(uplink.gateways.begin(), uplink.gateways.end(), is_family))
        return;
    if (uplink.gateways.has_gaps || !has_family(draft.link_addresses(uplink), family))
        return;
    const auto peer_count =
        uplink.bgp ? std::count_if(uplink.bgp->peers.begin(), uplink.bgp->peers.end(), is_family)
                   : 0;
    const bool may_have_more = uplink.bgp && uplink.bgp->peers.has_gaps;
    if (peer_count == 0 && !may_have_more && draft.protects(family))
        complaints.error(
            uplink.place,
            fmt::format("no {0} next hop: a prefix set has an {0} prefix, but there is "
                        "no {0} BGP peer; add one, or gateway:",
                        display_name(family)));
    if (peer_count > 1)
        complaints.error(
            uplink.bgp->place,
            fmt::format("{} {} peers: say which of them packets go to, with gateway: on "
                        "the uplink",
                        peer_count, display_name(family)));
}

void check_link(const Draft& draft, const UplinkDraft& uplink, const Complaints& complaints) {
    for (const auto& own : draft.link_addresses(uplink))
        refuse_inside_block(draft, {own.value.address, own.place}, "the uplink's address",
                            complaints);
    if (uplink.is(UplinkKind::direct) && draft.port_of(uplink) != nullptr &&
        draft.link_addresses(uplink).empty() && !draft.link_addresses(uplink).has_gaps)
        complaints.error(uplink.place, fmt::format("port {} has no address; give it the uplink's",
                                                   draft.port_of(uplink)->name));
}

}  // namespace

void check_uplinks(const Draft& draft, const Complaints& complaints) {
    for (const UplinkDraft& uplink : draft.uplinks) {
        check_shape(uplink, complaints);
        if (!uplink.is(UplinkKind::gre))
            check_port_name(draft, uplink.port, complaints);
        check_sharing(draft, uplink, complaints);
        check_link(draft, uplink, complaints);
        if (uplink.limit && uplink.limit->value.bits_per_second == 0)
            complaints.error(uplink.limit->place, "a limit of nothing; leave it out for none");
        if (uplink.underlay && uplink.is(UplinkKind::gre)) {
            check_underlay(draft, *uplink.underlay, complaints);
            check_tunnel_identity(draft, uplink, complaints);
            check_tunnel(draft, uplink, complaints);
        }
        if (!uplink.is(UplinkKind::direct))
            continue;
        check_gateways(draft, uplink, complaints);
        for (const Family family : families)
            check_next_hop(draft, uplink, family, complaints);
    }
    if (!draft.prefix_sets.empty() && draft.uplinks.empty())
        complaints.error(draft.place, "no uplink: name the ways to the Internet under uplinks");
    else if (!draft.prefix_sets.empty() && draft.uplinks.size() == 1)
        complaints.warning(draft.uplinks.front().place,
                           "the only uplink: there is nowhere to move a prefix set to");
}

}  // namespace detour::model
