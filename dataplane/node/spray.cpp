// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/spray.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include "dataplane/node/punt.h"
#include "dataplane/packet/inner_flow.h"

namespace detour::node {

Spray::Shares Spray::share(PortId port, Spread spread, std::span<rte_mbuf* const> frames) {
    own_.count = 0;
    refused_.count = 0;
    for (rte_mbuf* frame : frames)
        rte_prefetch0(rte_pktmbuf_mtod(frame, void*));
    for (rte_mbuf* frame : frames) {
        const auto flow =
            packet::inner_flow({rte_pktmbuf_mtod(frame, const std::uint8_t*), frame->data_len});
        const bool is_spread = flow && (spread == Spread::everything || flow->is_tunnelled);
        const std::size_t worker =
            is_spread ? (std::uint64_t{flow->hash} * workers_.size()) >> 32 : 0;
        if (!is_spread || workers_[worker].ring == nullptr) {
            own_.frames[own_.count++] = frame;
            continue;
        }
        set_origin(frame, Origin(port));
        Parcel& parcel = parcels_[worker];
        parcel.frames[parcel.count++] = frame;
    }
    for (std::size_t worker = 0; worker < workers_.size(); ++worker)
        if (parcels_[worker].count != 0)
            hand_over(worker);
    return {{own_.frames.data(), own_.count}, {refused_.frames.data(), refused_.count}};
}

void Spray::hand_over(std::size_t worker) {
    Parcel& parcel = parcels_[worker];
    void* const* const elements = reinterpret_cast<void* const*>(parcel.frames.data());
    const unsigned taken = rte_ring_sp_enqueue_burst(workers_[worker].ring, elements,
                                                     static_cast<unsigned>(parcel.count), nullptr);
    workers_[worker].bell->ring();
    counters_.handed_over.add(taken);
    for (std::size_t i = taken; i < parcel.count; ++i)
        refused_.frames[refused_.count++] = parcel.frames[i];
    parcel.count = 0;
}

}  // namespace detour::node
