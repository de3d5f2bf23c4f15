// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/kernel/story.h"

namespace detour::kernel::plan::story {
namespace {

InterfaceAddress on(const char* text) {
    return *InterfaceAddress::parse(text);
}

Link link(InterfaceIndex index, const char* name) {
    return {.index = index,
            .name = name,
            .is_up = true,
            .has_carrier = true,
            .group = 0,
            .mtu = 1500,
            .tunnel = {},
            .is_ours = false};
}

}  // namespace

Address ip(const char* text) {
    return *Address::parse(text);
}
Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}

model::Config config() {
    model::Config config;
    config.router.name = "cage-07";
    config.router.asn = AsNumber(64500);
    config.router.id = ip("192.0.2.2");

    model::Port wan;
    wan.id = PortId(0);
    wan.name = "wan0";
    wan.device = "eth1";
    wan.addresses = {on("192.0.2.2/30"), on("2001:db8:1::2/64")};
    model::Port cross;
    cross.id = PortId(1);
    cross.name = "xcon0";
    cross.device = "eth2";
    cross.addresses = {on("192.0.2.66/30")};
    cross.mtu = 9000;
    model::Port lan;
    lan.id = PortId(2);
    lan.name = "lan0";
    lan.device = "eth3";
    lan.addresses = {on("10.1.0.1/24"), on("2001:db8:10::1/64")};
    config.ports = {wan, cross, lan};

    model::Uplink direct;
    direct.id = provider;
    direct.name = "provider";
    direct.kind = model::UplinkKind::direct;
    direct.port = PortId(0);
    direct.control_sources = {ip("192.0.2.2"), ip("2001:db8:1::2")};
    direct.bgp.emplace();
    direct.bgp->peers = {ip("192.0.2.1"), ip("2001:db8:1::1")};
    direct.bgp->asn = AsNumber(64496);
    model::Uplink gre;
    gre.id = partner;
    gre.name = "partner";
    gre.kind = model::UplinkKind::gre;
    gre.port = PortId(1);
    gre.underlay = model::Underlay{PortId(1), ip("192.0.2.66"), ip("192.0.2.65"), 7, 64};
    gre.inner = {on("10.255.0.1/31"), on("2001:db8:ff::1/127")};
    gre.control_sources = {ip("192.0.2.98"), ip("2001:db8:98::1")};
    gre.bgp.emplace();
    gre.bgp->peers = {ip("10.255.0.0")};
    config.uplinks = {direct, gre};

    model::PrefixSet first;
    first.id = mail;
    first.name = "mail";
    first.prefixes = {prefix("198.51.100.0/24")};
    first.beacons = {ip("198.51.100.2"), ip("198.51.100.254")};
    first.next_hops = {ip("10.1.0.2")};
    model::PrefixSet second;
    second.id = web;
    second.name = "web";
    second.prefixes = {prefix("203.0.113.0/24"), prefix("2001:db8:77::/48")};
    second.beacons = {ip("203.0.113.2"), ip("203.0.113.254"), ip("2001:db8:77::2"),
                      ip("2001:db8:77:8000::2")};
    second.next_hops = {ip("10.1.0.2"), ip("2001:db8:10::2")};
    config.prefix_sets = {first, second};
    return config;
}

Links links() {
    return {{lo, link(lo, "lo")},
            {wan0, link(wan0, "wan0")},
            {xcon0, link(xcon0, "xcon0")},
            {lan0, link(lan0, "lan0")},
            {tunnel, link(tunnel, "partner")}};
}

Placement all_on(UplinkId uplink) {
    Placement placement;
    placement.places[{mail, Family::ipv4}] = {{uplink}};
    placement.places[{web, Family::ipv4}] = {{uplink}};
    placement.places[{web, Family::ipv6}] = {{uplink}};
    return placement;
}

}  // namespace detour::kernel::plan::story
