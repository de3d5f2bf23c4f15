// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

// Why no interface can have this address; empty: it can.
std::string fault_of_interface_address(const InterfaceAddress& interface) {
    const Address& address = interface.address;
    if (address.is_unspecified() || interface.length == 0)
        return "the unspecified address and /0 are no link's";
    if (address.is_loopback())
        return "a loopback address belongs to lo";
    if (address.is_multicast() || address.is_broadcast())
        return "this is not the address of one host";
    if (address.family() == Family::ipv6 && address.is_link_local())
        return "the kernel gives link-local addresses itself; leave it out";
    // RFC 3021: a /31 has two hosts and nothing else; RFC 6164: so has a /127.
    if (interface.length >= bit_count(address.family()) - 1)
        return {};
    if (interface.network().address() == address)
        return "this is the network itself, not a host in it; give the host's address";
    return {};
}

// The IPv4 broadcast address of a link is no host's.
bool is_broadcast_of_link(const InterfaceAddress& interface) {
    if (interface.address.family() != Family::ipv4 || interface.length >= 31)
        return false;
    const std::uint32_t host_bits = 0xffffffffU >> interface.length;
    return (interface.address.word() & host_bits) == host_bits;
}

bool is_interface_name(std::string_view device) {
    return device.size() <= 15 && device.find_first_of(":/, \t") == device.npos;
}

// Why the data plane cannot open this device; empty: it may.
std::string fault_of_device(std::string_view device, const Draft& draft) {
    if (draft.is_kernel()) {
        if (device.starts_with("net_") || !is_interface_name(device))
            return "kind kernel works with the kernel's own interfaces; name one of them, such as "
                   "eth1";
        return {};
    }
    if (!device.starts_with("net_") && is_interface_name(device))
        return fmt::format(
            "this names a kernel interface; for DPDK give its PCI address, or "
            "\"net_af_packet0,iface={}\"",
            device);
    return {};
}

void check_devices(const Draft& draft, const Complaints& complaints) {
    // Two devices may not be opened under one name; a vdev's name ends at its first comma.
    std::map<std::string, const PortDraft*, std::less<>> seen;
    for (const PortDraft& port : draft.ports) {
        if (!port.device)
            continue;
        if (auto fault = fault_of_device(port.device->value, draft); !fault.empty())
            complaints.error(port.device->place, fault);
        const std::string name = port.device->value.substr(0, port.device->value.find(','));
        if (const auto [first, is_new] = seen.try_emplace(name, &port); !is_new)
            complaints.error(
                port.device->place,
                fmt::format("port {} has the device {} already; each port needs its own",
                            first->second->name, name));
    }
}

struct Link {
    std::string_view owner;
    const Located<InterfaceAddress>* address;
};

std::vector<Link> links_of(const Draft& draft) {
    std::vector<Link> links;
    for (const PortDraft& port : draft.ports)
        for (const auto& address : port.addresses)
            links.push_back({port.name, &address});
    for (const UplinkDraft& uplink : draft.uplinks)
        if (uplink.is(UplinkKind::gre))
            for (const auto& address : uplink.inner)
                links.push_back({uplink.name, &address});
    return links;
}

void check_addresses(const Draft& draft, const Complaints& complaints) {
    const std::vector<Link> links = links_of(draft);
    for (auto link = links.begin(); link != links.end(); ++link) {
        const InterfaceAddress& address = link->address->value;
        const Place& place = link->address->place;
        if (auto fault = fault_of_interface_address(address); !fault.empty()) {
            complaints.error(place, fault);
            continue;
        }
        if (is_broadcast_of_link(address)) {
            complaints.error(place, "this is the link's broadcast address; choose a host's");
            continue;
        }
        for (auto earlier = links.begin(); earlier != link; ++earlier) {
            const InterfaceAddress& other = earlier->address->value;
            if (other.address == address.address)
                complaints.error(
                    place, fmt::format("{} has this address already (line {})", earlier->owner,
                                       earlier->address->place.position.line));
            else if (earlier->owner != link->owner && other.network().overlaps(address.network()))
                complaints.error(place, fmt::format("the link's network overlaps {} of {}: one "
                                                    "network cannot be in two places",
                                                    other.network().to_string(), earlier->owner));
            else
                continue;
            break;
        }
    }
}

void check_source_checks(const Draft& draft, const Complaints& complaints) {
    for (const PortDraft& port : draft.ports) {
        if (!port.source_check || port.source_check->value == SourceCheck::off)
            continue;
        if (draft.is_kernel())
            complaints.error(port.source_check->place,
                             "kind kernel leaves this to the kernel: remove it, and set sysctl "
                             "net.ipv4.conf.INTERFACE.rp_filter");
        else if (port.source_check->value == SourceCheck::strict && !draft.is_lan(port))
            complaints.warning(port.source_check->place,
                               "what comes in by an uplink need not leave by it: strict drops the "
                               "traffic of sets that leave elsewhere, and replies to probes; use "
                               "loose");
    }
}

}  // namespace

std::string_view owner_of(const Draft& draft, const Address& address) {
    for (const Link& link : links_of(draft))
        if (link.address->value.address == address)
            return link.owner;
    return {};
}

bool is_on_link(const List<InterfaceAddress>& link, const Address& address) {
    return std::any_of(link.begin(), link.end(), [&](const Located<InterfaceAddress>& own) {
        return own.value.network().contains(address);
    });
}

bool may_be_on_link(const List<InterfaceAddress>& link, const Address& address) {
    return link.empty() || link.has_gaps || is_on_link(link, address);
}

bool has_family(const List<InterfaceAddress>& link, Family family) {
    return std::any_of(link.begin(), link.end(), [&](const Located<InterfaceAddress>& own) {
        return own.value.address.family() == family;
    });
}

void check_ports(const Draft& draft, const Complaints& complaints) {
    check_devices(draft, complaints);
    check_vlans(draft, complaints);
    check_source_checks(draft, complaints);
    check_addresses(draft, complaints);
}

}  // namespace detour::model
