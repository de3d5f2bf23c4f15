// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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
#include "conf/types/overloaded.h"
#include "controlplane/api/resources.h"
#include "controlplane/api/server.h"
#include "controlplane/controller/controller.h"
#include "controlplane/daemon/bgp_desk.h"
#include "controlplane/daemon/bgp_transport.h"
#include "controlplane/daemon/command_desk.h"
#include "controlplane/daemon/config_desk.h"
#include "controlplane/daemon/counter_reader.h"
#include "controlplane/daemon/freeze_watch.h"
#include "controlplane/daemon/kernel_driver.h"
#include "controlplane/daemon/log_desk.h"
#include "controlplane/daemon/log_lines.h"
#include "controlplane/daemon/time_watch.h"
#include "controlplane/io/clock.h"
#include "controlplane/io/probe_sockets.h"
#include "controlplane/io/service_notice.h"
#include "controlplane/observe/encode.h"
#include "controlplane/observe/journal.h"
#include "controlplane/observe/reader.h"
#include "controlplane/observe/state_json.h"
#include "controlplane/observe/status.h"
#include "controlplane/probe/wire/segment.h"

namespace detour::daemon {
namespace {

constexpr const char* state_key = "decision";
// How old the published status may be.
constexpr std::chrono::milliseconds publish_interval{200};
// The clean stop waits so long for NOTIFICATIONs to leave.
constexpr std::chrono::milliseconds farewell{300};

io::ProbeProtocol protocol_of(probe::Kind kind) {
    constexpr std::array protocols{io::ProbeProtocol::icmp, io::ProbeProtocol::tcp,
                                   io::ProbeProtocol::udp};
    return protocols[static_cast<std::size_t>(kind)];
}

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
    Implementation(const program::Options& program_options, revision::Choice choice,
                   const controller::Passwords& passwords, const observe::LogOptions& log_options)
        : options(program_options),
          config(std::make_shared<const model::Config>(choice.config)),
          names(std::make_unique<observe::Names>(*config)),
          journal_file(options.state_dir / "journal.sqlite"),
          log(log_options),
          lines(log, *names),
          watch(config->timing.scheduling_gap),
          desk(loop, {.config = [this] { return config; },
                      .handle = [this](const controller::Command& command) { handle(command); },
                      .configure =
                          [this](const nlohmann::json& wish, const ConfigDesk::Answer& answer) {
                              // Who looks after the answer sees what it says.
                              configurations.ask(wish, [this, answer](api::Response response) {
                                  publish();
                                  answer(std::move(response));
                              });
                          },
                      .log_level =
                          [this](const nlohmann::json& wish, const ConfigDesk::Answer& answer) {
                              answer(log_desk.ask(wish));
                          }}),
          log_desk(loop, log, [this](const std::string& text) { lines.say("daemon", text); }),
          freeze(options.run()),
          configurations(loop, options, std::move(choice), passwords,
                         {.adopt =
                              [this](std::shared_ptr<const model::Config> next,
                                     controller::Passwords keys, controller::Reconfigured why) {
                                  adopt(std::move(next), std::move(keys), std::move(why));
                              },
                          .carried = [this](UplinkId uplink) { return carried(uplink); },
                          .say = [this](const std::string& text) { lines.say("daemon", text); },
                          .warn = [this](const std::string& text) { lines.warn("daemon", text); }}),
          counters(loop, config, options.run().telemetry_socket(),
                   [this](const controller::CountersRead& read) { handle(read); }),
          transport(loop,
                    {.input = [this](const bgp::Input& event) { handle(event); },
                     .complaint = [this](const std::string& text) { lines.warn("io", text); }}),
          timer(loop),
          publisher(loop),
          second(loop),
          signals(loop, SIGTERM, SIGINT),
          hangups(loop, SIGHUP) {
        shared_config.store(config);
        share_text();
    }

    // --- in

    void handle(const controller::Input& input) {
        carry_out(controller->handle(io::now(), input));
        arm();
    }

    // From inside something that must not be called back: handled on the next turn.
    void handle_later(controller::Input input) {
        // Another configuration may come in between: then its ids name something else, and whoever
        // said it says it again.
        asio::post(loop, [this, input = std::move(input), of = configuration_count] {
            if (of == configuration_count)
                handle(input);
        });
    }

    void on_reply(const io::ProbeReply& reply) {
        const auto kind = reply.protocol == io::ProbeProtocol::icmp  ? probe::Kind::icmp
                          : reply.protocol == io::ProbeProtocol::tcp ? probe::Kind::tcp
                                                                     : probe::Kind::udp;
        handle(controller::ProbeReply{kind, kernel->uplink_of(reply.interface), reply.source,
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
                           journal->append(observe::encode(record, io::wall_now(), *names));
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
                : probes->send(interface, {protocol_of(send.probe.kind), send.probe.source,
                                           send.probe.destination, message, send.probe.hop_limit});
        if (error)
            handle_later(controller::ProbeNotSent{send.probe.probe});
    }

    void carry_out(const controller::Persist& order) {
        is_saving = true;
        journal->save({.key = state_key,
                       .wall = io::wall_now(),
                       .payload = observe::to_json(order.state, *names)},
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

    // --- another configuration

    // One turn of the loop: nobody sees half of it.
    void adopt(std::shared_ptr<const model::Config> next, controller::Passwords passwords,
               controller::Reconfigured why) {
        while (!waiting.empty()) {  // in the old numbers, so before
            controller::Output output = std::move(waiting.front());
            waiting.pop_front();
            carry_out(output);
        }
        ++configuration_count;
        controller::Outputs outputs =
            controller->reconfigure(io::now(), *next, std::move(passwords), std::move(why));
        auto next_names = std::make_unique<observe::Names>(*next, controller->peers());
        lines.use(*next_names);
        names = std::move(next_names);
        config = std::move(next);
        shared_config.store(config);
        share_text();
        counters.use(config);
        watch = TimeWatch(config->timing.scheduling_gap);
        kernel->reconfigure(config, controller->egress());
        carry_out(std::move(outputs));
        arm();
    }

    [[nodiscard]] std::vector<std::string> carried(UplinkId uplink) const {
        std::vector<std::string> blocks;
        for (const decision::BlockView& block : controller->view(io::now()).decision.blocks)
            if (block.egress == uplink || (block.move && block.to == uplink))
                blocks.push_back((*names)(block.block));
        return blocks;
    }

    void share_text() {
        shared_text.store(std::make_shared<const std::string>(configurations.text()));
    }

    // GET /v1/config, on an HTTP thread.
    [[nodiscard]] nlohmann::json configuration_document() const {
        nlohmann::json document = *published_configuration.load();
        document["text"] = *shared_text.load();
        return document;
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

    void look_at_freeze() {
        const auto command = freeze.look(io::wall_now());
        if (!command)
            return;
        handle(*command);
        const bool is_frozen = std::get<decision::OperatorFreeze>(command->deed).state ==
                               decision::OperatorFreeze::State::frozen;
        lines.warn("daemon", is_frozen ? "frozen: nothing is moved" : "thawed");
    }

    void publish() {
        look_at_freeze();
        auto document = std::make_shared<nlohmann::json>(
            observe::status_json(controller->view(io::now()), *names));
        (*document)["freeze"] = freeze.document(io::wall_now());
        (*document)["configuration"] = configurations.summary();
        (*document)["revision"] = (*document)["configuration"]["revision"];
        (*document)["version"] = program::version();
        (*document)["commit"] = program::commit();
        published.store(std::move(document));
        published_configuration.store(
            std::make_shared<const nlohmann::json>(configurations.document()));
        publisher.expires_after(publish_interval);
        publisher.async_wait([this](const asio::error_code& error) {
            if (!error)
                publish();
        });
    }

    // --- life

    std::expected<void, std::string> open(controller::Passwords passwords);
    void start();
    void await_hangup();
    void stop();

    const program::Options options;
    std::shared_ptr<const model::Config> config;
    std::unique_ptr<const observe::Names> names;
    std::atomic<std::shared_ptr<const model::Config>> shared_config;  // for HTTP threads
    std::atomic<std::shared_ptr<const std::string>> shared_text;
    const std::filesystem::path journal_file;
    observe::Log log;
    LogLines lines;

    asio::io_context loop{1};
    std::unique_ptr<observe::Journal> journal;
    std::unique_ptr<controller::Controller> controller;
    TimeWatch watch;
    CommandDesk desk;
    LogDesk log_desk;
    FreezeWatch freeze;
    ConfigDesk configurations;
    CounterReader counters;
    BgpTransport transport;
    std::unique_ptr<io::ProbeSockets> probes;
    std::unique_ptr<KernelDriver> kernel;
    std::atomic<std::shared_ptr<const nlohmann::json>> published;
    std::atomic<std::shared_ptr<const nlohmann::json>> published_configuration;
    std::unique_ptr<api::Server> server;

    asio::steady_timer timer;  // the controller's next deadline
    asio::steady_timer publisher;
    asio::steady_timer second;
    asio::signal_set signals;
    asio::signal_set hangups;
    std::optional<Instant> armed;
    Bytes message;  // of the probe that is being sent

    std::atomic<bool> is_stopping = false;  // read by HTTP threads
    bool is_saving = false;
    std::uint64_t configuration_count = 0;
    std::deque<controller::Output> waiting;  // behind a Persist
};

std::expected<void, std::string> Daemon::Implementation::open(controller::Passwords passwords) {
    auto opened = observe::Journal::open(journal_file);
    if (!opened)
        return std::unexpected(opened.error().message);
    journal = std::move(*opened);

    auto sockets = io::ProbeSockets::open(loop, probe::first_probe_port,
                                          [this](const io::ProbeReply& reply) { on_reply(reply); });
    if (!sockets)
        return std::unexpected(
            fmt::format("cannot open raw sockets for probes: {}; detourd needs CAP_NET_RAW",
                        sockets.error().message()));
    probes = std::move(*sockets);

    auto reconciler = kernel::Reconciler::open();
    if (!reconciler)
        return std::unexpected(reconciler.error().message);
    kernel = std::make_unique<KernelDriver>(
        loop, config, std::move(*reconciler),
        KernelDriver::Listener{
            .on_input = [this](const controller::Input& input) { handle_later(input); },
            .on_output = [this](const kernel::Output& output) { lines.tell(output); }});

    Found found = find_state(journal_file, *names);
    freeze.begin(found.state && found.state->is_frozen);
    controller = std::make_unique<controller::Controller>(
        *config, controller::Beginning{.at = io::now(),
                                       .next_record = journal->first_number(),
                                       .seed = std::random_device{}(),
                                       .state = std::move(found.state),
                                       .state_age = found.age,
                                       .passwords = std::move(passwords)});

    published.store(std::make_shared<nlohmann::json>(
        observe::status_json(controller->view(io::now()), *names)));
    published_configuration.store(
        std::make_shared<const nlohmann::json>(configurations.document()));
    auto listening = api::Server::open(
        options.run().api_socket(),
        api::resources(
            {.config = [this] { return shared_config.load(); },
             .journal = journal_file,
             .status = [this] { return published.load(); },
             .is_stopping = [this] { return is_stopping.load(); },
             .submit = [this](const nlohmann::json& command) { return desk.submit(command); },
             .configuration = [this] { return configuration_document(); },
             .configure = [this](const nlohmann::json& wish) { return desk.configure(wish); },
             .routes =
                 [this](const auto& peers, const observe::RouteQuery& query) {
                     return desk.ask([this, peers, query] {
                         return routes_of(*controller, *names, peers, query);
                     });
                 },
             .clear =
                 [this](const auto& peers, const nlohmann::json& wish) {
                     return desk.ask([this, peers, wish] {
                         return clear_sessions(controller->peers(), peers, wish,
                                               [this](const auto& clear) { handle(clear); });
                     });
                 },
             .log_level = [this](const nlohmann::json& wish) { return desk.log_level(wish); }}));
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
    configurations.begin();
    publish();
    each_second();
    signals.async_wait([this](const asio::error_code& error, int) {
        if (!error)
            stop();
    });
    await_hangup();
    io::notify_service("READY=1");
    lines.say("daemon", "ready");
}

void Daemon::Implementation::await_hangup() {
    hangups.async_wait([this](const asio::error_code& error, int) {
        if (error)
            return;
        configurations.reload();
        await_hangup();
    });
}

void Daemon::Implementation::stop() {
    is_stopping = true;
    hangups.cancel();
    configurations.stop();
    log_desk.stop();
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

std::expected<std::unique_ptr<Daemon>, std::string> Daemon::open(const program::Options& options,
                                                                 revision::Choice choice,
                                                                 controller::Passwords passwords,
                                                                 const observe::LogOptions& log) {
    auto implementation =
        std::make_unique<Implementation>(options, std::move(choice), passwords, log);
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
