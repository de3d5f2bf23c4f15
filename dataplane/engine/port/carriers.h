// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A port twin's carrier follows the port's link. A kernel's interface knows its own carrier and the
// kernel tells of it (LinkWatch says when to look); of other devices the driver is asked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "conf/types/duration.h"
#include "conf/types/ids.h"
#include "dataplane/engine/port/port.h"
#include "dataplane/engine/twin.h"

namespace detour::engine {

class Carriers {
 public:
    // Both by PortId; they outlive this.
    Carriers(std::span<Port> ports, std::span<Twin> twins);

    void follow();
    // How long the links may be left alone when nobody tells of them.
    [[nodiscard]] Duration patience() const;
    // The driver's sockets stay with the interface they were opened on: one that came back by its
    // name is another, and wants a new start.
    [[nodiscard]] bool is_interface_replaced() const { return is_interface_replaced_; }

 private:
    [[nodiscard]] bool is_interface_up(std::size_t port, const std::string& interface);

    std::span<Port> ports_;
    std::span<Twin> twins_;
    std::vector<InterfaceIndex> interfaces_;  // by PortId: the kernel's, behind the port
    bool asks_drivers_ = false;               // some port is no interface of the kernel
    bool is_interface_replaced_ = false;
};

}  // namespace detour::engine
