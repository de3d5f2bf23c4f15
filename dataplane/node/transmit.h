// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Frames on their way out: gathered per port during a burst, sent together at its end. One node a
// worker. A device with fewer transmit queues than there are workers has an owner among them; the
// others hand their frames to it through a ring, and it counts them. A port that is a VLAN tags
// here, last of all, whoever made the frame.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "conf/types/ids.h"
#include "dataplane/node/bell.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/drop.h"
#include "dataplane/node/send_ring.h"
#include "dataplane/node/vector.h"

struct rte_ring;

namespace detour::node {

// A port's way out, as one worker has it.
struct Outlet {
    std::uint16_t device = 0;                  // DPDK's number
    std::uint16_t queue = 0;                   // this worker's transmit queue, if there is no relay
    std::uint16_t vlan = 0;                    // that the port is on its device; 0: untagged
    SendRing* ring = nullptr;                  // of that queue, where the kernel empties it
    rte_ring* relay = nullptr;                 // to the worker that owns the queue
    Bell* bell = nullptr;                      // of that worker
    const std::atomic<bool>* is_up = nullptr;  // written by the engine; false: frames are dropped
};

class TransmitNode {
 public:
    TransmitNode(std::span<const Outlet> outlets, Counters& counters, DropNode& drops);

    void send(std::uint16_t port, rte_mbuf* mbuf) {
        Queue& queue = queues_[port];
        if (queue.count == queue.frames.size())
            flush(port);
        queue.frames[queue.count++] = mbuf;
    }
    // Places for `count` frames, at most vector_size, which the caller fills before the next call.
    [[nodiscard]] rte_mbuf** room(std::uint16_t port, std::size_t count) {
        Queue& queue = queues_[port];
        if (queue.count + count > queue.frames.size())
            flush(port);
        rte_mbuf** const places = queue.frames.data() + queue.count;
        queue.count = static_cast<std::uint16_t>(queue.count + count);
        return places;
    }
    // Sends what was gathered; after every burst.
    void flush() {
        for (std::size_t port = 0; port < queues_.size(); ++port)
            if (queues_[port].count != 0)
                flush(static_cast<std::uint16_t>(port));
    }

    // Looks what the kernel sent; once a round. True: some of it waits, look again soon.
    [[nodiscard]] bool look(std::uint64_t now);

 private:
    struct alignas(64) Queue {
        std::array<rte_mbuf*, vector_size> frames;
        std::uint16_t count = 0;
        Outlet outlet;
    };

    void flush(std::uint16_t port);
    // Both answer how many of them were taken; the rest is the caller's.
    [[nodiscard]] static std::uint16_t hand_over(const Outlet& outlet,
                                                 std::span<rte_mbuf* const> frames);
    [[nodiscard]] std::uint16_t transmit(std::uint16_t port, std::span<rte_mbuf*> frames);

    std::vector<Queue> queues_;
    std::vector<SendRing*> rings_;
    Counters& counters_;
    DropNode& drops_;
};

}  // namespace detour::node
