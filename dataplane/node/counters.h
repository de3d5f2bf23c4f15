// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What one worker counted since the start. That worker alone writes, other threads read at any
// time: single relaxed loads and stores, no locked instruction. Sums over workers are made by the
// reader.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/ids.h"
#include "dataplane/packet/reason.h"

namespace detour::node {

class Count {
 public:
    // Only the owner.
    void add(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    // Anybody.
    [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> value_{0};
};

struct PacketCount {
    Count packets;
    Count bytes;

    void add(std::uint64_t packet_count, std::uint64_t byte_count) {
        packets.add(packet_count);
        bytes.add(byte_count);
    }
};

// An array of counters whose pages cost nothing until something is counted in them.
class CounterPages {
 public:
    explicit CounterPages(std::size_t count)
        : counters_(static_cast<PacketCount*>(std::calloc(count, sizeof(PacketCount)))) {
        if (counters_ == nullptr)
            throw std::bad_alloc();
    }
    PacketCount& operator[](std::size_t index) { return counters_.get()[index]; }
    const PacketCount& operator[](std::size_t index) const { return counters_.get()[index]; }

 private:
    // All bits zero is a count of zero.
    static_assert(std::is_trivially_destructible_v<PacketCount>);
    struct Free {
        void operator()(PacketCount* counters) const { std::free(counters); }
    };
    std::unique_ptr<PacketCount, Free> counters_;
};

// How many of each thing there are; fixed by the configuration.
struct Extent {
    std::size_t ports = 0;
    std::size_t tunnels = 0;
    std::size_t uplinks = 0;
    std::size_t sets = 0;
};

struct Traffic {
    PacketCount in;
    PacketCount out;
};

// Of GRE keepalives: the other end's that were answered, answers to ours.
struct KeepaliveCount {
    Count answered;
    Count heard;
};

// The last word of a router on a tunnel's outer path about what fits it. The worker writes, the
// engine reads.
class PathReport {
 public:
    void tell(std::uint16_t mtu) {
        last_.store(mtu, std::memory_order_relaxed);
        count_.add(1);
    }
    [[nodiscard]] std::uint64_t count() const { return count_.get(); }
    // 0xffff while there was none.
    [[nodiscard]] std::uint16_t last() const { return last_.load(std::memory_order_relaxed); }

 private:
    Count count_;
    std::atomic<std::uint16_t> last_{0xffff};
};

struct Counters {
    explicit Counters(const Extent& extent)
        : ports(extent.ports),
          tunnels(extent.tunnels),
          keepalives(extent.tunnels),
          path_mtus(extent.tunnels),
          set_count_(extent.sets),
          passive_(extent.uplinks * extent.sets * families.size()) {}

    std::array<Count, packet::drop_count> drops;
    std::array<Count, packet::punt_count> punts;  // handed to the kernel
    Count injected;                               // from the kernel, sent
    std::vector<Traffic> ports;                   // frames
    std::vector<Traffic> tunnels;                 // inner packets
    std::vector<KeepaliveCount> keepalives;       // by tunnel
    std::vector<PathReport> path_mtus;            // by tunnel
    CounterPages leaves{65536};                   // by fib::LeafIndex: what routes were used
    CounterPages adjacencies{65536};              // by place in ForwardingState::adjacencies

    // Load of the worker. Ticks are of the TSC.
    Count bursts;      // that were not empty
    Count packets;     // in these bursts
    Count busy_ticks;  // spent on them
    Count sleeps;
    Count handed_over;  // frames received here for other workers' flows

    // Passive evidence: packets of a prefix set that came in by, or left by, an uplink
    // (detection.md, class P), whatever became of them.
    [[nodiscard]] Traffic& of(UplinkId uplink, PrefixSetId set, Family family) {
        return passive_[slot(uplink, set, family)];
    }
    [[nodiscard]] const Traffic& of(UplinkId uplink, PrefixSetId set, Family family) const {
        return passive_[slot(uplink, set, family)];
    }

 private:
    [[nodiscard]] std::size_t slot(UplinkId uplink, PrefixSetId set, Family family) const {
        return (uplink.value * set_count_ + set.value) * families.size() +
               static_cast<std::size_t>(family);
    }

    std::size_t set_count_;
    std::vector<Traffic> passive_;  // [uplink][set][family]
};

}  // namespace detour::node
