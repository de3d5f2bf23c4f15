// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/carriers.h"

#include <chrono>

#include "dataplane/engine/kernel_link.h"
#include "dataplane/engine/log.h"

namespace detour::engine {
namespace {

// Drivers are asked for their links; the kernel tells of its own, and is asked in case it did not.
constexpr Duration link_poll_interval = std::chrono::milliseconds(100);
constexpr Duration link_check_interval = std::chrono::seconds(1);

}  // namespace

Carriers::Carriers(std::span<Port> ports, std::span<Twin> twins)
    : ports_(ports), twins_(twins), interfaces_(ports.size()) {
    for (const Port& port : ports)
        asks_drivers_ |= !port.device_name().interface();
}

bool Carriers::is_interface_up(std::size_t port, const std::string& interface) {
    const auto link = find_link(interface);
    if (!link || !*link)
        return false;
    InterfaceIndex& known = interfaces_[port];
    if (known == InterfaceIndex{})
        known = (*link)->index;
    is_interface_replaced_ |= known != (*link)->index;
    return (*link)->is_up && known == (*link)->index;
}

void Carriers::follow() {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const auto interface = ports_[i].device_name().interface();
        const bool is_up = interface ? is_interface_up(i, *interface) : ports_[i].has_link();
        if (ports_[i].is_up().exchange(is_up) == is_up)
            continue;
        say("port {}: link {}", ports_[i].name(), is_up ? "up" : "down");
        twins_[i].set_carrier(is_up ? Carrier::on : Carrier::off);
    }
}

Duration Carriers::patience() const {
    return asks_drivers_ ? link_poll_interval : link_check_interval;
}

}  // namespace detour::engine
