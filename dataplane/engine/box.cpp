// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/box.h"

#include <fmt/ranges.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <set>

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
#include "dataplane/engine/log.h"
#include "dataplane/engine/mirrored_devices.h"
#include "dataplane/engine/path_mtus.h"
#include "dataplane/engine/port/carriers.h"
#include "dataplane/engine/port/port.h"
#include "dataplane/engine/reload.h"
#include "dataplane/engine/slots.h"
#include "dataplane/engine/telemetry/desk.h"
#include "dataplane/engine/telemetry/report.h"
#include "dataplane/engine/tunnels.h"
#include "dataplane/engine/twin.h"
#include "dataplane/engine/undo.h"
#include "dataplane/engine/worker/fabric.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/mirror/mirror.h"

namespace detour::engine {
namespace {

constexpr Duration longest_wait = std::chrono::seconds(1);
constexpr Duration reclaim_interval = std::chrono::milliseconds(10);

Instant now() {
    return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

constexpr std::size_t spare_uplinks = 8;  // counters for those that a reload adds
constexpr std::size_t spare_sets = 64;

Descriptor catch_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return Descriptor(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

}  // namespace

// In the order of their making; the destructor takes them down in the reverse order.
struct Box::Parts {
    Parts(revision::Choice choice, const program::Options& program_options)
        : options(program_options),
          config(std::move(choice.config)),
          digest(revision::digest(choice.text)),
          uplink_slots(config.uplinks.size() + spare_uplinks),
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
    [[nodiscard]] Answer::Object answer_reload(const std::string& parameters);
    [[nodiscard]] Answer::Object answer(const Question& question);
    [[nodiscard]] std::expected<void, Error> run_until_stopped();
    [[nodiscard]] std::expected<void, Error> start_forwarding();
    // What `detour capture` may look at; forwarding does not depend on it.
    void open_capture();
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
    std::vector<const model::Uplink*> tunnels;  // by TunnelIndex
    std::vector<DeviceName> device_names;       // by PortId
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
    std::vector<Twin> tunnel_twins;
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
    bool is_reclaiming = false;  // states wait for a worker to let go of them
    bool must_stop = false;
};

std::expected<void, Error> Box::Parts::open() {
    signals = catch_signals();
    keeper = Keeper::from_environment();
    tunnels = gre_uplinks(config);
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
    for (const model::Uplink* uplink : tunnels)
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
    for (const model::Uplink* uplink : tunnels) {
        auto twin =
            Twin::open({.name = uplink->name, .kind = TwinKind::tun, .mtu = config.mtu(uplink->id)},
                       keeper, host->undo());
        if (!twin)
            return std::unexpected(twin.error());
        tunnel_twins.push_back(std::move(*twin));
    }
    // The descriptors that came back are queues of these twins; the keeper has its own.
    keeper.kept().clear();
    return {};
}

std::expected<void, Error> Box::Parts::make_fabric() {
    tunnel_finder.emplace(tunnel_ends(tunnels));
    publisher.emplace(plan.worker_cores.size());
    auto made = Fabric::make({.ports = ports,
                              .port_twins = port_twins,
                              .tunnel_twins = tunnel_twins,
                              .cores = plan.worker_cores,
                              .poll = config.dataplane.poll,
                              .extent = {.ports = config.ports.size(),
                                         .tunnels = tunnels.size(),
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
                                     .tunnels = tunnels,
                                     .tunnel_twins = tunnel_twins,
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

// Judged whole before anything is changed. Workers see the new state as they see a new route.
std::expected<void, Error> Box::Parts::reload(std::optional<revision::Number> number) {
    auto choice = next_configuration(options, number);
    if (!choice)
        return std::unexpected(choice.error());
    auto next = successor(config, std::move(choice->config));
    if (!next)
        return std::unexpected(next.error());
    if (next->uplinks.size() > uplink_slots.capacity() ||
        next->prefix_sets.size() > set_slots.capacity())
        return std::unexpected(Error{"needs a new start: more uplinks or sets than counters"});
    config = std::move(*next);
    digest = revision::digest(choice->text);
    (void)uplink_slots.assign(config.uplinks);
    (void)set_slots.assign(config.prefix_sets);
    for (std::size_t i = 0; i < tunnels.size(); ++i)  // the same ones, perhaps in another order
        tunnels[i] = config.find_uplink(tunnel_twins[i].name());
    kernel->change_devices(now(), mirrored_devices());
    say("revision {} runs", number ? fmt::format("{} ({})", *number, digest) : digest);
    return {};
}

Answer::Object Box::Parts::answer_reload(const std::string& parameters) {
    const auto number = wanted_revision(parameters);
    if (!number)
        return {{"result", "refused"}, {"error", number.error().message}};
    const auto done = reload(*number);
    if (!done)
        return {{"result", "refused"}, {"error", done.error().message}, {"revision", digest}};
    return {{"result", "taken"}, {"revision", digest}};
}

Answer::Object Box::Parts::answer(const Question& question) {
    if (question.command == "/detour/reload")
        return answer_reload(question.parameters);
    return Report({.config = config,
                   .digest = digest,
                   .tunnels = tunnels,
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
    path_mtus.emplace(config, tunnels, tunnel_twins, *fabric, now());
    keepalives.emplace(tunnels, tunnel_twins, *fabric, *publisher, buffers.get(), now());
    carriers.emplace(ports, port_twins);
    follow_links();
    if (auto opened = desk.open(commands); !opened)
        return opened;
    open_capture();
    say("forwarding on {} ports and {} tunnels, {} worker(s) on core {}", ports.size(),
        tunnels.size(), plan.worker_cores.size(), fmt::join(plan.worker_cores, ", "));
    keeper.say_ready("forwarding");
    return {};
}

void Box::Parts::open_capture() {
    auto opened = CaptureService::open(run, capturables(ports, tunnels), *publisher);
    if (opened)
        capture = std::move(*opened);
    else
        say("no captures: {}", opened.error().message);
}

void Box::Parts::follow_links() {
    carriers->follow();
    next_link_poll = now() + carriers->patience();
}

std::expected<void, Error> Box::Parts::run_until_stopped() {
    while (!must_stop) {
        turn();
        if (!is_forwarding && kernel->is_synced())
            if (auto started = start_forwarding(); !started)
                return started;
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
    const Duration wait = patience(now());
    const timespec limit{.tv_sec = wait / std::chrono::seconds(1),
                         .tv_nsec = (wait % std::chrono::seconds(1)).count()};
    ppoll(events.data(), events.size(), &limit, nullptr);
    if (events[0].revents != 0)
        read_signals();
    if (events[3].revents != 0 || events[4].revents != 0)
        kernel->on_readable(now());
    if (const auto deadline = kernel->next_deadline(); deadline && *deadline <= now())
        kernel->on_time(now());
    if (is_forwarding) {
        keepalives->on_time(now());
        path_mtus->look(now());
    }
    if (events[1].revents != 0)
        links->clear();
    if (is_forwarding && (events[1].revents != 0 || now() >= next_link_poll))
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
    parts.tunnel_twins.clear();
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
