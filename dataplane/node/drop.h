// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The end of a packet that goes nowhere: counted under its reason, its buffer given back with the
// burst's others. One node a worker.
#pragma once

#include <array>
#include <cstddef>

#include "dataplane/node/counters.h"
#include "dataplane/node/vector.h"
#include "dataplane/packet/reason.h"

namespace detour::node {

class DropNode {
 public:
    explicit DropNode(Counters& counters) : counters_(counters) {}

    void drop(rte_mbuf* mbuf, packet::Drop reason) {
        counters_.drops[static_cast<std::size_t>(reason)].add(1);
        release(mbuf);
    }
    // The end of a packet that did what it came for.
    void release(rte_mbuf* mbuf) {
        if (count_ == buffers_.size())
            flush();
        buffers_[count_++] = mbuf;
    }
    // Gives the buffers back; after every burst.
    void flush();

 private:
    Counters& counters_;
    std::array<rte_mbuf*, vector_size> buffers_;
    std::size_t count_ = 0;
};

}  // namespace detour::node
