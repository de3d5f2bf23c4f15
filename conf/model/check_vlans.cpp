// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <map>
#include <utility>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

// `parent` and `vlan` go together, and stand for `device`.
void check_shape(const PortDraft& port, const Draft& draft, const Complaints& complaints) {
    const Place& place = port.parent ? port.parent->place
                         : port.vlan ? port.vlan->place
                                     : port.place;
    if (draft.is_kernel())
        return complaints.error(
            place,
            "kind kernel works with the kernel's own interfaces: make the VLAN there "
            "(ip link add link eth1 name eth1.100 type vlan id 100) and give it as device");
    if (port.device)
        complaints.error(port.device->place,
                         "a VLAN has its parent's device; remove it, or remove parent and vlan");
    if (!port.parent.was_given)
        complaints.error(place, "needs parent: the port whose device carries the VLAN");
    if (!port.vlan.was_given)
        complaints.error(place, "needs vlan: the VLAN's identifier, 1 to 4094");
}

// Null when there is none that can carry a VLAN.
const PortDraft* check_parent(const PortDraft& port, const Draft& draft,
                              const Complaints& complaints) {
    const PortDraft* parent = draft.find_port(port.parent->value);
    if (parent == nullptr) {
        complaints.error(port.parent->place, unknown_port(draft, port.parent->value));
        return nullptr;
    }
    if (parent == &port) {
        complaints.error(port.parent->place, "a port cannot be its own parent");
        return nullptr;
    }
    if (parent->is_vlan()) {
        complaints.error(port.parent->place,
                         fmt::format("{} is a VLAN itself: frames have one tag", parent->name));
        return nullptr;
    }
    return parent;
}

void check_vlan_mtu(const PortDraft& port, const PortDraft& parent, const Draft& draft,
                    const Complaints& complaints) {
    const auto largest = draft.mtu_of(parent);
    if (port.mtu && largest && port.mtu->value > *largest)
        complaints.error(port.mtu->place,
                         fmt::format("packets of {} do not fit port {}, whose MTU is {}: raise "
                                     "that, or lower this",
                                     port.mtu->value, parent.name, *largest));
}

}  // namespace

void check_vlans(const Draft& draft, const Complaints& complaints) {
    std::map<std::pair<const PortDraft*, std::uint16_t>, const PortDraft*> seen;
    for (const PortDraft& port : draft.ports) {
        if (!port.is_vlan())
            continue;
        check_shape(port, draft, complaints);
        if (draft.is_kernel() || !port.parent)
            continue;
        const PortDraft* parent = check_parent(port, draft, complaints);
        if (parent == nullptr)
            continue;
        check_vlan_mtu(port, *parent, draft, complaints);
        if (!port.vlan)
            continue;
        if (const auto [first, is_new] = seen.try_emplace({parent, port.vlan->value}, &port);
            !is_new)
            complaints.error(port.vlan->place,
                             fmt::format("port {} is VLAN {} of {} already", first->second->name,
                                         port.vlan->value, parent->name));
    }
}

std::string unknown_port(const Draft& draft, std::string_view name) {
    std::vector<std::string_view> names;
    names.reserve(draft.ports.size());
    for (const PortDraft& port : draft.ports)
        names.push_back(port.name);
    if (const auto meant = nearest(name, names); !meant.empty())
        return fmt::format("there is no port \"{}\"; did you mean \"{}\"?", name, meant);
    return fmt::format("there is no port \"{}\"; name it under ports", name);
}

}  // namespace detour::model
