// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The fast path's view of the kernel: subscribes to rtnetlink, keeps a copy of links, addresses,
// neighbours, nexthop objects, rules and routes of its network namespace, and compiles them into
// fib::ForwardingState snapshots for the workers. It is never a second opinion: what the kernel
// says is forwarded, what the kernel flushes silently is inferred and confirmed by dump
// (design.md 2.3), and what cannot be compiled is punted.
//
// One thread (the engine's control thread) owns it and drives it like this:
//     poll descriptors() for reading until next_deadline()
//     any readable  -> on_readable(now)
//     deadline past -> on_time(now)
// Either call may publish. No call blocks longer than one batch of messages takes to digest; dumps
// are read piece by piece as the kernel hands them over. The first publish happens when the first
// dump is complete (is_synced()). The mirror writes to the kernel only to keep neighbours resolved
// that the fast path uses (design.md 2.4).
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/duration.h"
#include "dataplane/fib/forwarding_state.h"
#include "dataplane/mirror/devices.h"
#include "dataplane/mirror/explain.h"

namespace detour::mirror {

struct Error {
    std::string message;  // what failed and what to do
};

// For telemetry; counts are since the start unless they say otherwise.
struct Status {
    bool is_synced = false;
    std::uint64_t generation = 0;  // of the snapshot published last
    std::uint64_t messages = 0;    // notifications read
    std::uint64_t undecodable = 0;
    std::uint64_t overruns = 0;           // times the kernel lost messages for us (ENOBUFS)
    std::uint64_t resyncs = 0;            // full dumps, the first included, audits not
    std::uint64_t confirmations = 0;      // filtered dumps after link and address events
    std::uint64_t audits = 0;             // dumps that looked for differences, every 60 s
    std::uint64_t audit_differences = 0;  // what they found and put right
    Duration last_latency{};              // first message of the last batch read -> published
    Duration worst_latency{};
    Duration last_sync_time{};      // of the last full dump
    std::size_t pending_dumps = 0;  // running, waiting or due; 0: the copy is as good as it gets
    // Now in the copy.
    std::size_t links = 0;
    std::size_t addresses = 0;
    std::size_t neighbours = 0;
    std::size_t nexthops = 0;
    std::size_t rules = 0;
    std::size_t routes = 0;
    // Now compiled.
    std::size_t leaves = 0;
    std::size_t adjacencies = 0;
    std::size_t tables = 0;
    std::size_t table_bytes = 0;
    std::size_t unsupported_rules = 0;  // rules that are punted because of their form
    std::size_t waiting_routes = 0;     // routes that name a nexthop id not seen yet
};

// Ours to call when a snapshot is ready; runs inside on_readable() or on_time().
using Publish = std::function<void(std::unique_ptr<const fib::ForwardingState>)>;
// Whether the adjacency of the published snapshot has sent packets since it was asked last; without
// it LAN neighbours are left to the kernel's own ageing.
using WasUsed = std::function<bool(std::uint16_t adjacency)>;

class Mirror {
 public:
    // Opens the sockets in the calling thread's network namespace and asks for the first dump.
    [[nodiscard]] static std::expected<std::unique_ptr<Mirror>, Error> open(Devices devices,
                                                                            Publish publish,
                                                                            WasUsed was_used = {});
    ~Mirror();
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;

    // Notifications, dumps. Poll for reading (level triggered).
    [[nodiscard]] std::array<int, 2> descriptors() const;
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    void on_readable(Instant now);
    void on_time(Instant now);

    // Other prefixes, tunnel ends or uplinks on the same interfaces; may publish.
    void change_devices(Instant now, Devices devices);

    [[nodiscard]] bool is_synced() const { return status().is_synced; }
    [[nodiscard]] const Status& status() const;
    // Names of the interfaces and prefix sets belong to the engine; this is what the kernel calls
    // the device, for texts.
    [[nodiscard]] std::string device_name(InterfaceIndex interface) const;
    // The way of a packet through rules and tables; `input` as in ForwardingState's ingresses.
    [[nodiscard]] Explanation explain(InterfaceIndex input, const Address& source,
                                      const Address& destination) const;
    // The whole copy, one line an object, in a fixed order; long. For comparing two mirrors.
    [[nodiscard]] std::vector<std::string> description() const;

 private:
    struct Implementation;
    explicit Mirror(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace detour::mirror
