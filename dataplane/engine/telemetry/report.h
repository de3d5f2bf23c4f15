// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The answers to detour's telemetry commands. All of it is read on the engine's thread; counters of
// workers are read while they count.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "conf/model/config.h"
#include "dataplane/engine/port/port.h"
#include "dataplane/engine/slots.h"
#include "dataplane/engine/telemetry/answer.h"
#include "dataplane/engine/telemetry/desk.h"
#include "dataplane/engine/telemetry/next_hops.h"
#include "dataplane/engine/tunnels.h"
#include "dataplane/engine/worker/fabric.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/mirror/mirror.h"

namespace detour::engine {

// Lists take the first entry's number after a comma (/detour/ports,40) and come in pages
// (answer.h).
inline constexpr std::array commands{
    Command{"/detour/version", "Version, commit, and the digest of the configuration that runs"},
    Command{"/detour/reload",
            "Takes a revision, or refuses it whole. Parameter: its number; none: the file"},
    Command{"/detour/ports", "Ports with link and counters. Parameter: first entry"},
    Command{"/detour/tunnels", "Tunnels with counters. Parameter: first entry"},
    Command{"/detour/drops", "Dropped packets by reason. Parameter: first entry"},
    Command{"/detour/punts",
            "Packets handed to the kernel by reason, and taken from it. Parameter: first entry"},
    Command{"/detour/tables", "The mirror of the kernel: sizes, synchronisation, latencies"},
    Command{"/detour/workers", "Workers with their load. Parameter: first entry"},
    Command{"/detour/sets",
            "Packets in and out by uplink, prefix set and family. Parameter: first entry"},
    Command{"/detour/next_hops",
            "Next hops in use, with packets and bytes since they are. Parameter: first entry"},
    Command{"/detour/trace",
            "What happens to a packet, step by step. Parameters: port or tunnel it comes in by, "
            "source, destination"},
};

// DPDK refuses a longer help, and then the command.
static_assert(std::ranges::all_of(commands, [](const Command& command) {
    return std::string_view(command.help).size() < 128;
}));

// What there is to report on; all of it outlives the report.
class Report {
 public:
    struct Parts {
        const model::Config& config;
        const std::string& digest;                      // of its text
        std::span<const model::Uplink* const> tunnels;  // by TunnelIndex
        const Slots& uplink_slots;
        const Slots& set_slots;
        std::span<const Port> ports;
        const Fabric& fabric;
        const mirror::Mirror& mirror;
        const fib::Publisher& publisher;
        const NextHops& next_hops;
    };

    explicit Report(const Parts& parts)
        : config_(parts.config),
          digest_(parts.digest),
          tunnels_(parts.tunnels),
          uplink_slots_(parts.uplink_slots),
          set_slots_(parts.set_slots),
          ports_(parts.ports),
          fabric_(parts.fabric),
          mirror_(parts.mirror),
          publisher_(parts.publisher),
          next_hops_(parts.next_hops) {}

    [[nodiscard]] Answer::Object answer(const Question& question) const;

 private:
    [[nodiscard]] Answer::List ports() const;
    [[nodiscard]] Answer::List tunnels() const;
    [[nodiscard]] Answer::List drops() const;
    [[nodiscard]] Answer::List punts() const;
    [[nodiscard]] Answer::Object tables() const;
    [[nodiscard]] Answer::List workers() const;
    [[nodiscard]] Answer::List sets() const;
    [[nodiscard]] Answer::List next_hops() const;
    [[nodiscard]] Answer::Object trace(const std::string& parameters) const;
    [[nodiscard]] const fib::Ingress* ingress(std::string_view name) const;
    [[nodiscard]] Answer::Object steps(const mirror::Explanation& way) const;
    [[nodiscard]] Answer::Object next_hop(const fib::Adjacency& adjacency) const;

    // The same counter of all workers.
    template <class Choose>
    [[nodiscard]] std::uint64_t sum(Choose choose) const {
        std::uint64_t total = 0;
        for (const auto& worker : fabric_.workers())
            total += choose(worker->counters()).get();
        return total;
    }
    template <class Choose>
    void add_traffic(Answer::Object& object, Choose choose) const;

    const model::Config& config_;
    const std::string& digest_;
    std::span<const model::Uplink* const> tunnels_;
    const Slots& uplink_slots_;
    const Slots& set_slots_;
    std::span<const Port> ports_;
    const Fabric& fabric_;
    const mirror::Mirror& mirror_;
    const fib::Publisher& publisher_;
    const NextHops& next_hops_;
};

}  // namespace detour::engine
