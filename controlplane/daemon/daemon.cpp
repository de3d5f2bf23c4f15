// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <csignal>
#include <deque>
#include <random>
#include <utility>

#include "conf/program/version.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/server.h"
#include "controlplane/controller/controller.h"
#include "controlplane/daemon/bgp_transport.h"
#include "controlplane/daemon/command_desk.h"
#include "controlplane/daemon/counter_reader.h"
#include "controlplane/daemon/kernel_driver.h"
#include "controlplane/daemon/log_lines.h"
#include "controlplane/daemon/time_watch.h"
#include "controlplane/io/clock.h"
#include "controlplane/io/icmp_socket.h"
#include "controlplane/io/service_notice.h"
#include "controlplane/observe/encode.h"
#include "controlplane/observe/journal.h"
#include "controlplane/observe/reader.h"
#include "controlplane/observe/state_json.h"
#include "controlplane/observe/status.h"

namespace detour::daemon {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

constexpr const char* state_key = "decision";
// How old the published status may be.
constexpr std::chrono::milliseconds publish_interval{200};
// The clean stop waits so long for NOTIFICATIONs to leave.
constexpr std::chrono::milliseconds farewell{300};

// The state as the last run left it.
struct Found {
    std::optional<decision::State> state;
    Duration age{};
};

Found find_state(const std::filesystem::path& journal, const observe::Names& names) {
    const auto reader = observe::Reader::open(journal);
    if (!reader)
        return {};
    const auto entry = reader->state(state_key);
    if (!entry || !*entry)
        return {};
    const Duration age = io::wall_now() - (*entry)->wall;
    return {observe::state_from_json((*entry)->payload, names), std::max(age, Duration::zero())};
}

}  // namespace

struct Daemon::Implementation {
    Implementation(const program::Options& program_options,
                   std::shared_ptr<const model::Config> configuration,
                   const observe::LogOptions& log_options)
        : options(program_options),
          config(std::move(configuration)),
          names(*config),
          journal_file(options.state_dir / "journal.sqlite"),
          log(log_options),
          lines(log, *config),
          watch(config->timing.scheduling_gap),
          desk(loop, *config, [this](const controller::Command& command) { handle(command); }),
          counters(loop, *config, options.run().telemetry_socket(),
                   [this](const controller::CountersRead& read) { handle(read); }),
          transport(loop,
                    {.input = [this](const bgp::Input& event) { handle(event); },
                     .complaint = [this](const std::string& text) { lines.warn("io", text); }}),
          timer(loop),
          publisher(loop),
          second(loop),
          signals(loop, SIGTERM, SIGINT) {}

    // --- in

    void handle(const controller::Input& input) {
        carry_out(controller->handle(io::now(), input));
        arm();
    }

    // From inside something that must not be called back: handled on the next turn.
    void handle_later(controller::Input input) {
        asio::post(loop, [this, input = std::move(input)] { handle(input); });
    }

    void on_reply(const io::IcmpReply& reply) {
        handle(controller::IcmpReply{kernel->uplink_of(reply.interface), reply.source,
                                     reply.destination, reply.bytes});
    }

    // --- out

    void carry_out(controller::Outputs outputs) {
        for (controller::Output& output : outputs) {
            // Rows and probes change nothing that a restart would have to know.
            const bool can_pass = std::holds_alternative<controller::Record>(output) ||
                                  std::holds_alternative<controller::SendProbe>(output);
            if (is_saving && !can_pass)
                waiting.push_back(std::move(output));
            else
                carry_out(output);
        }
    }

    void carry_out(controller::Output& output) {
        std::visit(Overloaded{
                       [&](const controller::TransportOrder& order) { transport.carry_out(order); },
                       [&](const controller::SendProbe& send) { carry_out(send); },
                       [&](const controller::Forward& order) { kernel->forward(order); },
                       [&](const controller::Persist& order) { carry_out(order); },
                       [&](const controller::ReadCounters& order) {
                           if (config->dataplane.kind == model::DataplaneKind::dpdk)
                               counters.read_every(order.every);
                       },
                       [&](const controller::CommandAnswer& answer) { desk.answer(answer); },
                       [&](const controller::Record& record) {
                           lines.tell(record);
                           journal->append(observe::encode(record, io::wall_now(), names));
                       },
                   },
                   output);
    }

    void carry_out(const controller::SendProbe& send) {
        message.clear();
        send.probe.append_to(message);
        const InterfaceIndex interface = kernel->interface_of(send.probe.uplink);
        const std::error_code error =
            interface == InterfaceIndex{}
                ? std::make_error_code(std::errc::network_down)
                : icmp->send(interface, send.probe.source, send.probe.destination, message);
        if (error)
            handle_later(controller::ProbeNotSent{send.probe.probe});
    }

    void carry_out(const controller::Persist& order) {
        is_saving = true;
        journal->save({.key = state_key,
                       .wall = io::wall_now(),
                       .payload = observe::to_json(order.state, names)},
                      [this, ticket = order.ticket](const auto& result) {
                          asio::post(loop, [this, ticket, is_saved = result.has_value()] {
                              saved(ticket, is_saved);
                          });
                      });
    }

    // A state that cannot be written must not stop an escape: it is said, and the actions go on.
    void saved(decision::ActionId ticket, bool is_saved) {
        using Fact = decision::Acknowledgement::Fact;
        if (!is_saved)
            lines.warn("observe",
                       "the state could not be written: a restart would not know the last step");
        is_saving = false;
        while (!waiting.empty() && !is_saving) {
            controller::Output output = std::move(waiting.front());
            waiting.pop_front();
            carry_out(output);
        }
        if (ticket != decision::ActionId{})
            handle(controller::Done{ticket, is_saved ? Fact::done : Fact::failed});
    }

    // --- time

    void arm() {
        const auto deadline = controller->next_deadline();
        if (!deadline) {
            timer.cancel();
            return;
        }
        if (armed == deadline)
            return;
        armed = deadline;
        timer.expires_after(std::max(Duration::zero(), *deadline - io::now()));
        timer.async_wait([this, due = *deadline](const asio::error_code& error) {
            if (error)
                return;
            armed.reset();
            if (const auto gap = watch.gap(due, io::now()))
                handle(controller::SchedulingGap{*gap});
            handle(controller::Tick{});
        });
    }

    void each_second() {
        if (watch.has_stepped(io::now(), io::wall_now()))
            handle(controller::ClockStepped{});
        const observe::JournalHealth health = journal->health();
        if (!health.error.empty())
            lines.warn("observe", health.error);
        second.expires_after(std::chrono::seconds(1));
        second.async_wait([this](const asio::error_code& error) {
            if (!error)
                each_second();
        });
    }

    void publish() {
        auto document = std::make_shared<nlohmann::json>(
            observe::status_json(controller->view(io::now()), names));
        (*document)["version"] = program::version();
        (*document)["commit"] = program::commit();
        published.store(std::move(document));
        publisher.expires_after(publish_interval);
        publisher.async_wait([this](const asio::error_code& error) {
            if (!error)
                publish();
        });
    }

    // --- life

    std::expected<void, std::string> open(controller::Passwords passwords);
    void start();
    void stop();

    const program::Options options;
    const std::shared_ptr<const model::Config> config;
    const observe::Names names;
    const std::filesystem::path journal_file;
    observe::Log log;
    LogLines lines;

    asio::io_context loop{1};
    std::unique_ptr<observe::Journal> journal;
    std::unique_ptr<controller::Controller> controller;
    TimeWatch watch;
    CommandDesk desk;
    CounterReader counters;
    BgpTransport transport;
    std::unique_ptr<io::IcmpSocket> icmp;
    std::unique_ptr<KernelDriver> kernel;
    std::atomic<std::shared_ptr<const nlohmann::json>> published;
    std::unique_ptr<api::Server> server;

    asio::steady_timer timer;  // the controller's next deadline
    asio::steady_timer publisher;
    asio::steady_timer second;
    asio::signal_set signals;
    std::optional<Instant> armed;
    Bytes message;  // of the probe that is being sent

    std::atomic<bool> is_stopping = false;  // read by HTTP threads
    bool is_saving = false;
    std::deque<controller::Output> waiting;  // behind a Persist
};

std::expected<void, std::string> Daemon::Implementation::open(controller::Passwords passwords) {
    auto opened = observe::Journal::open(journal_file);
    if (!opened)
        return std::unexpected(opened.error().message);
    journal = std::move(*opened);

    auto sockets =
        io::IcmpSocket::open(loop, [this](const io::IcmpReply& reply) { on_reply(reply); });
    if (!sockets)
        return std::unexpected(
            fmt::format("cannot open raw ICMP sockets: {}; detourd needs CAP_NET_RAW",
                        sockets.error().message()));
    icmp = std::move(*sockets);

    auto reconciler = kernel::Reconciler::open();
    if (!reconciler)
        return std::unexpected(reconciler.error().message);
    kernel = std::make_unique<KernelDriver>(
        loop, config, std::move(*reconciler),
        KernelDriver::Listener{
            .on_input = [this](const controller::Input& input) { handle_later(input); },
            .on_output = [this](const kernel::Output& output) { lines.tell(output); }});

    Found found = find_state(journal_file, names);
    controller = std::make_unique<controller::Controller>(
        *config, controller::Beginning{.at = io::now(),
                                       .next_record = journal->first_number(),
                                       .seed = std::random_device{}(),
                                       .state = std::move(found.state),
                                       .state_age = found.age,
                                       .passwords = std::move(passwords)});

    published.store(
        std::make_shared<nlohmann::json>(observe::status_json(controller->view(io::now()), names)));
    auto listening = api::Server::open(
        options.run().api_socket(),
        api::resources(
            {.config = *config,
             .journal = journal_file,
             .status = [this] { return published.load(); },
             .is_stopping = [this] { return is_stopping.load(); },
             .submit = [this](const nlohmann::json& command) { return desk.submit(command); }}));
    if (!listening)
        return std::unexpected(listening.error());
    server = std::move(*listening);
    return {};
}

// The controller speaks first: its placement is what the kernel is compared with, so that a restart
// adopts it.
void Daemon::Implementation::start() {
    handle(controller::Start{});
    kernel->start();
    publish();
    each_second();
    signals.async_wait([this](const asio::error_code& error, int) {
        if (!error)
            stop();
    });
    io::notify_service("READY=1");
    lines.say("daemon", "ready");
}

void Daemon::Implementation::stop() {
    is_stopping = true;
    io::notify_service("STOPPING=1");
    lines.say("daemon", "stopping");
    handle(controller::Stop{});
    timer.cancel();
    publisher.cancel();
    second.expires_after(farewell);
    second.async_wait([this](const asio::error_code&) {
        kernel->remove_all();
        loop.stop();
    });
}

std::expected<std::unique_ptr<Daemon>, std::string> Daemon::open(
    const program::Options& options, std::shared_ptr<const model::Config> config,
    controller::Passwords passwords, const observe::LogOptions& log) {
    auto implementation = std::make_unique<Implementation>(options, std::move(config), log);
    if (auto result = implementation->open(std::move(passwords)); !result)
        return std::unexpected(result.error());
    return std::unique_ptr<Daemon>(new Daemon(std::move(implementation)));
}

Daemon::Daemon(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

// HTTP threads end before what they ask.
Daemon::~Daemon() {
    implementation_->server.reset();
}

void Daemon::run() {
    asio::post(implementation_->loop, [this] { implementation_->start(); });
    implementation_->loop.run();
}

}  // namespace detour::daemon
