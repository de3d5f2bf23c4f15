// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/untag.h"

#include <rte_mbuf.h>

#include <algorithm>

namespace detour::node {
namespace {

void take_off(rte_mbuf* mbuf) {
    packet::pop_vlan(rte_pktmbuf_mtod(mbuf, std::uint8_t*));
    rte_pktmbuf_adj(mbuf, sizeof(packet::VlanTag));
}

}  // namespace

void Untagged::sort(const VlanPorts& vlans, std::span<rte_mbuf* const> frames) {
    group_count_ = 0;
    stranger_count_ = 0;
    for (rte_mbuf* mbuf : frames) {
        const auto* const frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        if (!packet::is_tagged({frame, mbuf->data_len})) {
            add(vlans.own(), mbuf);
            continue;
        }
        const auto port = vlans.of(packet::vlan_of(frame));
        if (!port) {
            strangers_[stranger_count_++] = mbuf;
            continue;
        }
        take_off(mbuf);
        add(*port, mbuf);
    }
}

void Untagged::add(PortId port, rte_mbuf* frame) {
    const std::span<Group> known = groups();
    const auto at = std::ranges::find(known, port, &Group::port);
    if (at != known.end()) {
        at->frames[at->count++] = frame;
        return;
    }
    Group& group = groups_[group_count_++];
    group.port = port;
    group.count = 1;
    group.frames[0] = frame;
}

}  // namespace detour::node
