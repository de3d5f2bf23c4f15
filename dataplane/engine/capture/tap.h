// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where a capture looks: a callback that DPDK runs behind receiving from, or before sending to, one
// queue of one port. It is there while a capture runs and at no other time; the drivers' receive
// and send look for callbacks anyway, so that without a capture nothing is added to a packet's way.
//
// The worker that owns the queue runs it: it looks, copies what the filter wants into a ring of its
// own, and goes on. It never waits, and when it has used up its share of the worker's time it lets
// packets by unseen, and counts them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/program/capture.h"
#include "dataplane/engine/capture/byte_ring.h"
#include "dataplane/engine/capture/tunnel_view.h"

struct rte_eth_rxtx_callback;
struct rte_mbuf;

namespace detour::engine {

// What one tap of the request wants, for all queues and both directions.
struct TapPlan {
    std::uint16_t number = 0;  // in the request
    std::uint16_t device = 0;  // DPDK's number of the port
    std::uint16_t receive_queue_count = 0;
    std::uint16_t transmit_queue_count = 0;
    std::uint16_t vlan = 0;            // of its frames alone, without their tag; 0: all
    std::optional<TunnelView> tunnel;  // else all frames of the port
    std::uint32_t snap = program::capture::max_snap;
    std::vector<program::capture::Instruction> filter;  // empty: all
};

// libpcap's own judgement: no loop, no access outside its memory, ends with an answer.
[[nodiscard]] bool is_sound(std::span<const program::capture::Instruction> filter);

class Tap {
 public:
    // `share`: of the worker's time, 1/share at most. The plan outlives it.
    Tap(const TapPlan& plan, program::capture::Direction direction, std::uint16_t queue,
        std::size_t ring_size, std::uint64_t share);
    ~Tap();
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

    // Starts to look; false when DPDK has no room for another callback.
    [[nodiscard]] bool attach();
    // Ceases to. A worker may be within the callback until it was quiet once: the tap lives until
    // then.
    void detach();

    // The worker.
    void take(std::span<rte_mbuf* const> frames);
    // The capture thread.
    [[nodiscard]] ByteRing& ring() { return ring_; }
    void add_to(program::capture::TapCount& count) const;

 private:
    // One writer, the worker.
    struct Counter {
        std::atomic<std::uint64_t> value{0};
        void add(std::uint64_t n) {
            value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
        }
        [[nodiscard]] std::uint64_t get() const { return value.load(std::memory_order_relaxed); }
    };

    void look_at(const rte_mbuf* frame, std::uint64_t time);
    // The frame without its tag, good until the next; empty when it is not of the VLAN.
    [[nodiscard]] std::span<const std::uint8_t> untagged(std::span<const std::uint8_t> frame);
    void keep(std::span<const std::uint8_t> bytes, std::size_t original, std::uint64_t time);

    const TapPlan& plan_;
    const program::capture::Direction direction_;
    const std::uint16_t queue_;
    const std::uint64_t share_;
    const rte_eth_rxtx_callback* callback_ = nullptr;
    bool is_attached_ = false;
    ByteRing ring_;
    std::vector<std::uint8_t> untagged_;  // room for one frame; the worker's
    std::uint64_t last_ = 0;              // ticks: when the credit was counted last
    std::int64_t credit_ = 0;             // ticks that it may use
    Counter seen_;
    Counter matched_;
    Counter lost_;
    Counter skipped_;
};

}  // namespace detour::engine
