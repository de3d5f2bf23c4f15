// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Frames of a device that carries VLANs: each is given to the port that is its VLAN, its tag taken
// off, before any other node sees it; untagged ones and those with a priority alone (VLAN 0) are
// the device's own port's. Their order within a port stays. A device without VLANs never comes
// here, and its tagged frames are of an unknown type. Tags are put on by transmit.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "conf/types/ids.h"
#include "dataplane/node/vector.h"
#include "dataplane/packet/vlan.h"

namespace detour::node {

// The ports on one device by their VLAN. Made at the start, then only read.
class VlanPorts {
 public:
    // `own`: of frames without a tag.
    explicit VlanPorts(PortId own) {
        ports_.fill(nobody);
        ports_[0] = own.value;
    }
    // From 1 to 4094, each once.
    void add(std::uint16_t vlan, PortId port) { ports_[vlan] = port.value; }
    [[nodiscard]] PortId own() const { return PortId(ports_[0]); }
    [[nodiscard]] std::optional<PortId> of(std::uint16_t vlan) const {
        return ports_[vlan] == nobody ? std::nullopt : std::optional(PortId(ports_[vlan]));
    }

 private:
    static constexpr std::uint16_t nobody = 0xffff;

    std::array<std::uint16_t, packet::vlan_count> ports_;
};

// One burst, sorted by port. A worker has one and fills it anew.
class Untagged {
 public:
    struct Group {
        PortId port;
        std::size_t count = 0;
        std::array<rte_mbuf*, vector_size> frames;
    };

    // At most vector_size frames.
    void sort(const VlanPorts& vlans, std::span<rte_mbuf* const> frames);

    [[nodiscard]] std::span<Group> groups() { return {groups_.data(), group_count_}; }
    // Of a VLAN that is nobody's, as they came.
    [[nodiscard]] std::span<rte_mbuf* const> strangers() const {
        return {strangers_.data(), stranger_count_};
    }

 private:
    void add(PortId port, rte_mbuf* frame);

    std::array<Group, vector_size> groups_;
    std::array<rte_mbuf*, vector_size> strangers_;
    std::size_t group_count_ = 0;
    std::size_t stranger_count_ = 0;
};

}  // namespace detour::node
