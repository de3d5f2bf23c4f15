// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a box is made of (box.h), for the sources that make it (box.cpp) and change it as it runs
// (box_reload.cpp). Nobody else looks in here.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/engine/box.h"
#include "dataplane/engine/buffers.h"
#include "dataplane/engine/capture/capturable.h"
#include "dataplane/engine/capture/service.h"
#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/host.h"
#include "dataplane/engine/keepalives.h"
#include "dataplane/engine/keeper.h"
#include "dataplane/engine/kernel_link.h"
#include "dataplane/engine/lock.h"
#include "dataplane/engine/mirrored_devices.h"
#include "dataplane/engine/path_mtus.h"
#include "dataplane/engine/port/carriers.h"
#include "dataplane/engine/port/port.h"
#include "dataplane/engine/reload.h"
#include "dataplane/engine/slots.h"
#include "dataplane/engine/telemetry/desk.h"
#include "dataplane/engine/telemetry/next_hops.h"
#include "dataplane/engine/telemetry/report.h"
#include "dataplane/engine/tunnel_roster.h"
#include "dataplane/engine/tunnels.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/undo.h"
#include "dataplane/engine/worker/fabric.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/mirror/mirror.h"

namespace detour::engine {

[[nodiscard]] inline Instant engine_now() {
    return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

inline constexpr std::size_t spare_uplinks = 8;  // counters for those that a reload adds
inline constexpr std::size_t spare_sets = 64;

// In the order of their making; the destructor takes them down in the reverse order.
struct Box::Parts {
    Parts(revision::Choice choice, const program::Options& program_options)
        : options(program_options),
          config(std::move(choice.config)),
          digest(revision::digest(choice.text)),
          uplink_slots(2 * config.uplinks.size() + spare_uplinks),
          set_slots(config.prefix_sets.size() + spare_sets),
          run(options.run()) {}

    [[nodiscard]] std::expected<void, Error> open();
    [[nodiscard]] std::expected<void, Error> read_devices();
    [[nodiscard]] std::expected<void, Error> start_eal();
    [[nodiscard]] std::expected<void, Error> open_ports();
    [[nodiscard]] std::expected<void, Error> open_twins();
    [[nodiscard]] std::expected<void, Error> make_fabric();
    [[nodiscard]] std::expected<void, Error> open_mirror();
    [[nodiscard]] mirror::Devices mirrored_devices() const;
    [[nodiscard]] bool was_used(std::uint16_t adjacency);

    [[nodiscard]] std::expected<void, Error> reload(std::optional<revision::Number> number);
    void rework(const std::function<void()>& change);
    void sweep_tunnels();
    [[nodiscard]] Answer::Object answer_reload(const std::string& parameters);
    [[nodiscard]] Answer::Object answer(const Question& question);
    [[nodiscard]] std::expected<void, Error> run_until_stopped();
    [[nodiscard]] std::expected<void, Error> start_forwarding();
    // What `detour capture` may look at; forwarding does not depend on it.
    void open_capture();
    // Keepalives and path MTUs of the tunnels there are.
    void follow_tunnels();
    void follow_links();
    // Waits for something to happen, and lets who it happened to handle it.
    void turn();
    [[nodiscard]] Duration patience(Instant time) const;
    void read_signals();

    const program::Options options;
    model::Config config;
    std::string digest;  // of its text
    Slots uplink_slots;
    Slots set_slots;
    program::RunDir run;
    std::vector<DeviceName> device_names;  // by PortId
    Descriptor signals;
    Keeper keeper;
    Descriptor lock;
    EalPlan plan;
    BufferPlan buffer_plan;
    std::optional<Eal> eal;
    std::unique_ptr<Host> host;
    Buffers buffers;
    std::vector<Port> ports;
    std::vector<Twin> port_twins;
    TunnelRoster tunnels;
    std::optional<node::TunnelFinder> tunnel_finder;
    std::optional<fib::Publisher> publisher;
    std::unique_ptr<Fabric> fabric;
    std::optional<Keepalives> keepalives;
    std::optional<PathMtus> path_mtus;
    std::optional<LinkWatch> links;
    std::unique_ptr<mirror::Mirror> kernel;
    NextHops next_hops{[this](std::size_t place) { return fabric->carried(place); }};
    std::vector<std::uint64_t> used_before;  // by adjacency: packets when was_used() asked last
    Desk desk;
    std::unique_ptr<CaptureService> capture;
    std::optional<Carriers> carriers;
    Instant next_link_poll{};
    bool is_forwarding = false;
    std::optional<Error> failure;  // the box cannot go on
    bool is_reclaiming = false;    // states wait for a worker to let go of them
    bool must_stop = false;
};

}  // namespace detour::engine
