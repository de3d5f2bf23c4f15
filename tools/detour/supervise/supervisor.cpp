// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>

#include "conf/program/exit_code.h"
#include "tools/detour/supervise/line_splitter.h"
#include "tools/detour/supervise/notification.h"
#include "tools/detour/supervise/restart_policy.h"

namespace detour::supervise {
namespace {

using std::chrono::milliseconds;

Instant now() {
    return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

void say(std::string_view who, std::string_view text) {
    fmt::print(stderr, "{} | {}\n", who, text);
}

// One child through all its incarnations.
struct Ward {
    const Command* command = nullptr;
    DescriptorStore store{};
    RestartPolicy restarts{};
    pid_t pid = 0;  // 0: not running
    Descriptor error_stream{};
    LineSplitter lines{};
    Instant started{};
    bool is_ready = false;
    bool is_asked_to_stop = false;
    std::optional<Instant> deadline{};  // running: SIGKILL is due; else: the next start

    [[nodiscard]] bool is_running() const { return pid != 0; }
};

class Supervisor {
 public:
    Supervisor(const Orders& orders, NotifySocket notify, Descriptor signals)
        : orders_(orders), notify_(std::move(notify)), signals_(std::move(signals)) {
        for (const Command& command : orders.commands)
            wards_.push_back({.command = &command});
    }

    int run();

 private:
    void start(Ward& ward);
    void wait_for_events();
    void hear_notifications();
    void obey(Ward& ward, Datagram& datagram);
    void hear_signals();
    void hear_errors(Ward& ward);
    void end_errors(Ward& ward);
    void reap();
    void bury(Ward& ward, int status);
    void act_on_deadlines();
    void begin_stop(int exit_code);
    void stop_next();
    void kill_all();
    void announce_ready();

    [[nodiscard]] bool is_over() const {
        return is_stopping_ && std::ranges::none_of(wards_, &Ward::is_running);
    }
    [[nodiscard]] int milliseconds_to_deadline() const;

    const Orders& orders_;
    NotifySocket notify_;
    Descriptor signals_;
    std::vector<Ward> wards_;
    bool is_stopping_ = false;
    bool is_announced_ = false;
    int exit_code_ = 0;
};

int Supervisor::run() {
    for (Ward& ward : wards_)
        start(ward);
    while (!is_over()) {
        wait_for_events();
        // Before the dead are buried: what they sent last still counts.
        hear_notifications();
        for (Ward& ward : wards_)
            hear_errors(ward);
        hear_signals();
        act_on_deadlines();
    }
    return exit_code_;
}

void Supervisor::start(Ward& ward) {
    ward.deadline.reset();
    ward.is_ready = false;
    ward.started = now();
    auto child = supervise::start(*ward.command, notify_.path(), ward.store);
    if (!child) {
        say("detour", child.error());
        ward.deadline = now() + ward.restarts.next_wait(Duration::zero());
        return;
    }
    ward.pid = child->pid;
    ward.error_stream = std::move(child->error_stream);
}

int Supervisor::milliseconds_to_deadline() const {
    std::optional<Instant> next;
    for (const Ward& ward : wards_)
        if (ward.deadline && (!next || *ward.deadline < *next))
            next = ward.deadline;
    if (!next)
        return -1;
    const auto left = std::chrono::ceil<milliseconds>(*next - now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Supervisor::wait_for_events() {
    std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}, {notify_.get(), POLLIN, 0}};
    for (const Ward& ward : wards_)
        if (ward.error_stream.is_open())
            watched.push_back({ward.error_stream.get(), POLLIN, 0});
    ::poll(watched.data(), watched.size(), milliseconds_to_deadline());
}

void Supervisor::hear_notifications() {
    while (auto datagram = notify_.receive())
        for (Ward& ward : wards_)
            if (ward.is_running() && ward.pid == datagram->sender)
                obey(ward, *datagram);
}

void Supervisor::obey(Ward& ward, Datagram& datagram) {
    const Notification& notification = datagram.notification;
    if (notification.wants_remove)
        ward.store.remove(notification.name);
    if (notification.wants_store)
        for (Descriptor& descriptor : datagram.descriptors)
            if (!ward.store.add(notification.name, std::move(descriptor)))
                say("detour", fmt::format("{} stores more than {} files: one was dropped",
                                          ward.command->name, DescriptorStore::max_count));
    if (notification.status)
        say("detour", fmt::format("{}: {}", ward.command->name, *notification.status));
    if (notification.is_ready) {
        ward.is_ready = true;
        announce_ready();
    }
}

void Supervisor::announce_ready() {
    if (is_announced_ || !std::ranges::all_of(wards_, &Ward::is_ready))
        return;
    is_announced_ = true;
    say("detour", "up");
    notify_own_supervisor("READY=1");
}

void Supervisor::hear_errors(Ward& ward) {
    if (!ward.error_stream.is_open())
        return;
    std::array<char, 4096> bytes{};
    for (;;) {
        const ssize_t size = ::read(ward.error_stream.get(), bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)  // nothing more for now
            return;
        if (size == 0)
            return end_errors(ward);
        for (const std::string& line :
             ward.lines.add({bytes.data(), static_cast<std::size_t>(size)}))
            say(ward.command->name, line);
    }
}

void Supervisor::end_errors(Ward& ward) {
    if (const std::string rest = ward.lines.take_rest(); !rest.empty())
        say(ward.command->name, rest);
    ward.error_stream.close();
}

void Supervisor::hear_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        const auto number = static_cast<int>(info.ssi_signo);
        if (number == SIGCHLD) {
            reap();
        } else if (number == SIGTERM || number == SIGINT) {
            if (is_stopping_)
                kill_all();
            else
                begin_stop(program::to_int(program::ExitCode::success));
        } else {
            for (const Ward& ward : wards_)
                if (ward.is_running())
                    ::kill(ward.pid, number);
        }
    }
}

// As process 1 of a container we are also parent to what lost its own: it is reaped and forgotten.
void Supervisor::reap() {
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
         pid = ::waitpid(-1, &status, WNOHANG))
        for (Ward& ward : wards_)
            if (ward.pid == pid)
                bury(ward, status);
}

void Supervisor::bury(Ward& ward, int status) {
    // It sent and wrote until just now.
    hear_notifications();
    hear_errors(ward);
    end_errors(ward);
    ward.pid = 0;
    ward.deadline.reset();
    const std::string& name = ward.command->name;
    if (is_stopping_) {
        if (!ward.is_asked_to_stop || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            say("detour", fmt::format("{} {}", name, describe_end(status)));
        stop_next();
        return;
    }
    if (WIFEXITED(status) && program::is_permanent(WEXITSTATUS(status))) {
        say("detour", fmt::format("{} {}: starting it again would not help; stopping", name,
                                  describe_end(status)));
        begin_stop(WEXITSTATUS(status));
        return;
    }
    const Duration wait = ward.restarts.next_wait(now() - ward.started);
    ward.deadline = now() + wait;
    say("detour", fmt::format("{} {}: starting it again in {}, {} of its files are kept", name,
                              describe_end(status), to_string(wait), ward.store.entries().size()));
}

void Supervisor::act_on_deadlines() {
    for (Ward& ward : wards_) {
        if (!ward.deadline || *ward.deadline > now())
            continue;
        if (!ward.is_running()) {
            start(ward);
            continue;
        }
        ward.deadline.reset();
        say("detour", fmt::format("{} has not stopped in {}: killing it", ward.command->name,
                                  to_string(orders_.stop_time)));
        ::kill(ward.pid, SIGKILL);
    }
}

void Supervisor::begin_stop(int exit_code) {
    is_stopping_ = true;
    exit_code_ = exit_code;
    notify_own_supervisor("STOPPING=1");
    for (Ward& ward : wards_)
        if (!ward.is_running())
            ward.deadline.reset();
    stop_next();
}

// The last one started is the first to stop, and the next only when it has: what it built on is
// still there while it cleans up.
void Supervisor::stop_next() {
    const auto last = std::find_if(wards_.rbegin(), wards_.rend(),
                                   [](const Ward& ward) { return ward.is_running(); });
    if (last == wards_.rend() || last->is_asked_to_stop)
        return;
    last->is_asked_to_stop = true;
    last->deadline = now() + orders_.stop_time;
    ::kill(last->pid, SIGTERM);
}

void Supervisor::kill_all() {
    for (const Ward& ward : wards_)
        if (ward.is_running())
            ::kill(ward.pid, SIGKILL);
}

std::optional<Descriptor> open_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD})
        sigaddset(&set, number);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
        return std::nullopt;
    ::signal(SIGPIPE, SIG_IGN);  // a reader of our stderr that went away must not end us
    Descriptor descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!descriptor.is_open())
        return std::nullopt;
    return descriptor;
}

}  // namespace

int run(const Orders& orders) {
    auto notify = NotifySocket::open(orders.notify_socket);
    if (!notify) {
        say("detour", notify.error());
        return program::to_int(program::ExitCode::failure);
    }
    auto signals = open_signals();
    if (!signals) {
        say("detour", "cannot listen to signals");
        return program::to_int(program::ExitCode::failure);
    }
    return Supervisor(orders, std::move(*notify), std::move(*signals)).run();
}

}  // namespace detour::supervise
