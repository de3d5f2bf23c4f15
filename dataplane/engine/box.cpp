// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/box_parts.h"

#include <fmt/ranges.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <set>

#include "dataplane/engine/log.h"

namespace detour::engine {
namespace {

constexpr Duration longest_wait = std::chrono::seconds(1);
constexpr Duration reclaim_interval = std::chrono::milliseconds(10);

Descriptor catch_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return Descriptor(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

}  // namespace

std::expected<void, Error> Box::Parts::open() {
    signals = catch_signals();
    keeper = Keeper::from_environment();
    if (!uplink_slots.assign(config.uplinks) || !set_slots.assign(config.prefix_sets))
        return std::unexpected(Error{"no room for counters"});
    auto taken = take_lock(run.lock_file("detour-dataplane"));
    if (!taken)
        return std::unexpected(taken.error());
    lock = std::move(*taken);
    using Step = std::expected<void, Error> (Parts::*)();
    for (const Step step : {&Parts::read_devices, &Parts::start_eal, &Parts::open_ports,
                            &Parts::open_twins, &Parts::make_fabric, &Parts::open_mirror})
        if (auto done = (this->*step)(); !done)
            return done;
    return {};
}

std::expected<void, Error> Box::Parts::read_devices() {
    std::vector<BufferRequest::Port> sizes;
    for (const model::Port& port : config.ports) {
        const model::Port& owner = port.parent ? config.port(*port.parent) : port;
        auto name = DeviceName::parse(owner.device);
        if (!name)
            return std::unexpected(
                setup_error(fmt::format("port {}: {}", port.name, name.error().message)));
        device_names.push_back(std::move(*name));
    }
    std::vector<HostPort> host_ports;
    for (const model::Port& port : config.ports) {
        if (port.parent)
            continue;
        sizes.push_back({device_names[port.id.value], port.mtu});
        host_ports.push_back({device_names[port.id.value], port.mtu});
    }
    const auto planned = plan_buffers(
        {.ports = sizes, .worker_count = std::max<std::size_t>(config.dataplane.cores.size(), 1)});
    if (!planned)
        return std::unexpected(planned.error());
    buffer_plan = *planned;
    std::set<std::string> twins;
    for (const model::Port& port : config.ports)
        twins.insert(port.name);
    for (const model::Uplink* uplink : gre_uplinks(config))
        twins.insert(uplink->name);
    auto opened = Host::open(run, host_ports, twins);
    if (!opened)
        return std::unexpected(opened.error());
    host = std::move(*opened);
    return {};
}

std::expected<void, Error> Box::Parts::start_eal() {
    EalRequest request{.file_prefix = run.eal_file_prefix(),
                       .processors = usable_processors(),
                       .worker_cores = config.dataplane.cores,
                       .huge_megabytes = buffer_plan.huge_megabytes(),
                       .ordinary_megabytes = buffer_plan.ordinary_megabytes(),
                       .free_hugepage_megabytes = free_hugepage_megabytes()};
    for (const model::Port& port : config.ports)
        if (const DeviceName& name = device_names[port.id.value]; !port.parent && name.is_pci())
            request.pci_devices.push_back(name.name());
    auto planned = plan_eal(request);
    if (!planned)
        return std::unexpected(planned.error());
    plan = std::move(*planned);
    if (!plan.has_hugepages)
        say("{} MB of hugepages are wanted and {} MB are free: going on without, somewhat slower "
            "(sysctl vm.nr_hugepages={} before the start)",
            request.huge_megabytes, request.free_hugepage_megabytes,
            request.huge_megabytes / 2 + 1);
    auto started = Eal::start(plan, run.path());
    if (!started)
        return std::unexpected(started.error());
    eal.emplace(std::move(*started));
    return {};
}

std::expected<void, Error> Box::Parts::open_ports() {
    auto made = make_buffers(buffer_plan);
    if (!made)
        return std::unexpected(made.error());
    buffers = std::move(*made);
    auto opened = engine::open_ports(
        config.ports, device_names, static_cast<unsigned>(plan.worker_cores.size()), buffers.get());
    if (!opened)
        return std::unexpected(opened.error());
    ports = std::move(*opened);
    return {};
}

std::expected<void, Error> Box::Parts::open_twins() {
    for (const Port& port : ports) {
        auto twin = Twin::open(
            {.name = port.name(), .kind = TwinKind::tap, .mtu = port.mtu(), .mac = port.mac()},
            keeper, host->undo());
        if (!twin)
            return std::unexpected(twin.error());
        port_twins.push_back(std::move(*twin));
    }
    auto planned = tunnels.plan(config, keeper, host->undo());
    if (!planned)
        return std::unexpected(planned.error());
    tunnels.commit(config, std::move(*planned), engine_now());
    // The descriptors that came back are queues of these twins; the keeper has its own. What the
    // configuration does not have any more shall end with them.
    for (const KeptDescriptor& kept : keeper.kept())
        if (config.find_port(kept.name) == nullptr && config.find_uplink(kept.name) == nullptr)
            keeper.remove(kept.name);
    keeper.kept().clear();
    return {};
}

std::expected<void, Error> Box::Parts::make_fabric() {
    node::TunnelFinder finder(tunnel_ends(tunnels.uplinks()));
    if (tunnel_finder)
        finder.resume(*tunnel_finder);
    tunnel_finder.emplace(std::move(finder));
    if (!publisher)
        publisher.emplace(plan.worker_cores.size());
    auto made = Fabric::make({.ports = ports,
                              .port_twins = port_twins,
                              .tunnel_twins = tunnels.twins(),
                              .cores = plan.worker_cores,
                              .poll = config.dataplane.poll,
                              .extent = {.ports = config.ports.size(),
                                         .tunnels = tunnels.uplinks().size(),
                                         .uplinks = uplink_slots.capacity(),
                                         .sets = set_slots.capacity()},
                              .fragments = {.entries = config.dataplane.reassembly.entries,
                                            .bytes = config.dataplane.reassembly.bytes,
                                            .largest = buffer_plan.largest_packet()},
                              .buffers = buffers.get()},
                             *tunnel_finder, *publisher);
    if (!made)
        return std::unexpected(made.error());
    fabric = std::move(*made);
    return {};
}

mirror::Devices Box::Parts::mirrored_devices() const {
    return engine::mirrored_devices({.config = config,
                                     .port_twins = port_twins,
                                     .tunnels = tunnels.uplinks(),
                                     .tunnel_twins = tunnels.twins(),
                                     .uplink_slots = uplink_slots,
                                     .set_slots = set_slots});
}

bool Box::Parts::was_used(std::uint16_t adjacency) {
    const std::uint64_t packets = fabric->carried(adjacency).packets;
    used_before.resize(std::max<std::size_t>(used_before.size(), adjacency + std::size_t{1}));
    return std::exchange(used_before[adjacency], packets) != packets;
}

std::expected<void, Error> Box::Parts::open_mirror() {
    auto watched = LinkWatch::open();
    if (!watched)
        return std::unexpected(watched.error());
    links.emplace(std::move(*watched));
    auto opened = mirror::Mirror::open(
        mirrored_devices(),
        [this](std::unique_ptr<const fib::ForwardingState> state) {
            next_hops.follow(*state);
            publisher->publish(std::move(state));
        },
        [this](std::uint16_t adjacency) { return was_used(adjacency); });
    if (!opened)
        return std::unexpected(Error{opened.error().message});
    kernel = std::move(*opened);
    return {};
}

Answer::Object Box::Parts::answer(const Question& question) {
    if (question.command == "/detour/reload")
        return answer_reload(question.parameters);
    return Report({.config = config,
                   .digest = digest,
                   .tunnels = tunnels.uplinks(),
                   .uplink_slots = uplink_slots,
                   .set_slots = set_slots,
                   .ports = ports,
                   .fabric = *fabric,
                   .mirror = *kernel,
                   .publisher = *publisher,
                   .next_hops = next_hops})
        .answer(question);
}

std::expected<void, Error> Box::Parts::start_forwarding() {
    for (Port& port : ports)
        if (auto started = port.start(); !started)
            return started;
    fabric->start();
    is_forwarding = true;
    follow_tunnels();
    carriers.emplace(ports, port_twins);
    follow_links();
    if (auto opened = desk.open(commands); !opened)
        return opened;
    open_capture();
    say("forwarding on {} ports and {} tunnels, {} worker(s) on core {}", ports.size(),
        tunnels.uplinks().size(), plan.worker_cores.size(), fmt::join(plan.worker_cores, ", "));
    keeper.say_ready("forwarding");
    return {};
}

void Box::Parts::follow_tunnels() {
    path_mtus.emplace(config, tunnels.uplinks(), tunnels.twins(), *fabric, engine_now());
    keepalives.emplace(tunnels.uplinks(), tunnels.twins(), *fabric, *publisher, buffers.get(),
                       engine_now());
}

void Box::Parts::open_capture() {
    auto opened = CaptureService::open(run, capturables(ports, tunnels.uplinks()), *publisher);
    if (opened)
        capture = std::move(*opened);
    else
        say("no captures: {}", opened.error().message);
}

void Box::Parts::follow_links() {
    carriers->follow();
    for (Port& port : ports)
        port.tell_of_refusals();
    next_link_poll = engine_now() + carriers->patience();
}

std::expected<void, Error> Box::Parts::run_until_stopped() {
    while (!must_stop) {
        turn();
        if (!is_forwarding && kernel->is_synced())
            if (auto started = start_forwarding(); !started)
                return started;
        if (failure)
            return std::unexpected(*failure);
        if (fabric->exchange().has_lost_twin())
            return std::unexpected(Error{"an interface of this box was deleted: start anew"});
        if (is_forwarding && carriers->is_interface_replaced())
            return std::unexpected(Error{"the interface behind a port is another now: start anew"});
    }
    say("stopping");
    keeper.say_stopping();
    return {};
}

Duration Box::Parts::patience(Instant time) const {
    Instant until = is_forwarding ? next_link_poll : time + longest_wait;
    if (is_reclaiming)
        until = std::min(until, time + reclaim_interval);
    if (const auto deadline = kernel->next_deadline())
        until = std::min(until, *deadline);
    if (const auto deadline = tunnels.next_deadline())
        until = std::min(until, *deadline);
    if (const auto deadline = keepalives ? keepalives->next_deadline() : std::nullopt)
        until = std::min(until, *deadline);
    return std::max(Duration(until - time), Duration(0));
}

void Box::Parts::turn() {
    const auto [first, second] = kernel->descriptors();
    std::array<pollfd, 5> events{{{signals.get(), POLLIN, 0},
                                  {links->descriptor(), POLLIN, 0},
                                  {desk.descriptor(), POLLIN, 0},
                                  {first, POLLIN, 0},
                                  {second, POLLIN, 0}}};
    const Duration wait = patience(engine_now());
    const timespec limit{.tv_sec = wait / std::chrono::seconds(1),
                         .tv_nsec = (wait % std::chrono::seconds(1)).count()};
    ppoll(events.data(), events.size(), &limit, nullptr);
    if (events[0].revents != 0)
        read_signals();
    if (events[3].revents != 0 || events[4].revents != 0)
        kernel->on_readable(engine_now());
    if (const auto deadline = kernel->next_deadline(); deadline && *deadline <= engine_now())
        kernel->on_time(engine_now());
    if (is_forwarding) {
        keepalives->on_time(engine_now());
        path_mtus->look(engine_now());
    }
    if (const auto deadline = tunnels.next_deadline(); deadline && *deadline <= engine_now())
        sweep_tunnels();
    if (events[1].revents != 0)
        links->clear();
    if (is_forwarding && (events[1].revents != 0 || engine_now() >= next_link_poll))
        follow_links();
    if (events[2].revents != 0)
        desk.serve([this](const Question& question) { return answer(question); });
    is_reclaiming = publisher->reclaim() != 0;
}

void Box::Parts::read_signals() {
    signalfd_siginfo signal{};
    while (read(signals.get(), &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo != SIGHUP)
            must_stop = true;
        else if (const auto done = reload(std::nullopt); !done)
            say("SIGHUP: nothing was changed: {}", done.error().message);
    }
}

Box::Box(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

// Threads end before what they use; the twins' queues are closed before the host is put back, and
// the EAL ends last.
Box::~Box() {
    Parts& parts = *parts_;
    parts.capture.reset();
    if (parts.fabric)
        parts.fabric->stop();
    parts.keepalives.reset();
    parts.path_mtus.reset();
    parts.fabric.reset();
    parts.kernel.reset();
    parts.ports.clear();
    parts.port_twins.clear();
    parts.tunnels.close();
    parts.buffers.reset();
    parts.host.reset();
    parts.eal.reset();
}

std::expected<std::unique_ptr<Box>, Error> Box::open(revision::Choice choice,
                                                     const program::Options& options) {
    std::unique_ptr<Box> box(new Box(std::make_unique<Parts>(std::move(choice), options)));
    if (auto opened = box->parts_->open(); !opened)
        return std::unexpected(opened.error());
    return box;
}

std::expected<void, Error> Box::run() {
    return parts_->run_until_stopped();
}

}  // namespace detour::engine
