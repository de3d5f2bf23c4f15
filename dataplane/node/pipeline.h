// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The nodes of one worker in their order: a burst of frames goes in, and when work() returns every
// packet of it was sent, handed to the kernel's rings or dropped. No allocation, lock, log, or
// system call of our own (a port's driver may make one per burst).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/node/context.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/drop.h"
#include "dataplane/node/express.h"
#include "dataplane/node/punt.h"
#include "dataplane/node/transmit.h"
#include "dataplane/node/tunnel_finder.h"
#include "dataplane/node/vector.h"

namespace detour::node {

class Pipeline {
 public:
    // All that is referred to outlives the pipeline.
    Pipeline(const TunnelFinder& tunnels, Counters& counters, std::span<const Outlet> outlets,
             const PuntRings& rings, const packet::Reassembly::Limits& limits = {});

    // Frames that came in by `port`, at most vector_size. `now` in nanoseconds of a monotonic
    // clock.
    void work(const fib::ForwardingState& state, std::uint64_t now, PortId port,
              std::span<rte_mbuf* const> frames);
    // The same by the long way, every node in turn, which work() takes with what the express leaves
    // it. For tests, which compare the two.
    void work_in_full(const fib::ForwardingState& state, std::uint64_t now, PortId port,
                      std::span<rte_mbuf* const> frames);
    // What the kernel wrote into twins (origin_of() says which): frames of a port are sent as they
    // are, packets of a tunnel are encapsulated.
    void inject(const fib::ForwardingState& state, std::uint64_t now,
                std::span<rte_mbuf* const> buffers);
    // From time to time, also when nothing comes: gives up what has waited too long.
    void expire(std::uint64_t now);
    // Once a round, after all work. True: frames wait for the kernel, which is to be asked again
    // soon.
    [[nodiscard]] bool look_after_sent(std::uint64_t now) { return out_.look(now); }
    // Frames that never come so far as a node.
    void refuse(packet::Drop reason, std::span<rte_mbuf* const> frames);
    // Frames that other workers made and this one has the queue for.
    void relay(std::uint16_t port, std::span<rte_mbuf* const> frames);

 private:
    void walk(PortId port, std::span<rte_mbuf* const> frames);
    void flush();

    Counters& counters_;
    std::optional<packet::Reassembly> fragments_;  // if some tunnel wants them
    DropNode drops_;
    PuntNode punts_;
    TransmitNode out_;
    Context context_;
    Express express_;
    Lanes lanes_;
};

}  // namespace detour::node
