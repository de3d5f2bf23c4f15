// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/mirror.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "dataplane/mirror/compile.h"
#include "dataplane/mirror/decode.h"
#include "dataplane/mirror/kernel_state.h"
#include "dataplane/mirror/netlink.h"
#include "dataplane/mirror/upkeep.h"

namespace detour::mirror {

namespace {

using namespace std::chrono_literals;

constexpr Duration audit_interval = 60s;
constexpr Duration upkeep_interval = 1s;
// A link's message can come before the kernel flushed what hangs on it: look twice.
constexpr std::array confirmation_delays{Duration(10ms), Duration(200ms)};
constexpr Duration retry_delay = 100ms;
constexpr int retry_limit = 5;
// What one call digests at most, so that the control thread gets back to its other work.
constexpr int events_per_call = 1024;
constexpr int datagrams_per_call = 16;  // of a dump, some 300 routes each
// While changes stream in, compiling takes at most about a third of the thread.
constexpr int pause_per_compile = 2;
constexpr Duration longest_pause = 100ms;

enum class Purpose : std::uint8_t { sync, confirmation, audit };

const std::array full_dump{Dump{Kind::links, {}, {}, {}},
                           Dump{Kind::addresses, {}, {}, {}},
                           Dump{Kind::neighbours, {}, {}, {}},
                           Dump{Kind::nexthops, {}, {}, {}},
                           Dump{Kind::rules, Family::ipv4, {}, {}},
                           Dump{Kind::rules, Family::ipv6, {}, {}},
                           Dump{Kind::routes, Family::ipv4, {}, {}},
                           Dump{Kind::routes, Family::ipv6, {}, {}}};

// Calls `take(header, message)` for each netlink message of a datagram, until it returns false.
template <class Take>
void for_each_message(std::span<const std::uint8_t> bytes, Take take) {
    while (bytes.size() >= sizeof(nlmsghdr)) {
        nlmsghdr head{};
        std::memcpy(&head, bytes.data(), sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > bytes.size())
            return;
        if (!take(head, bytes.first(head.nlmsg_len)))
            return;
        bytes = bytes.subspan(
            std::min(bytes.size(), static_cast<std::size_t>(NLMSG_ALIGN(head.nlmsg_len))));
    }
}

Duration elapsed_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
}

}  // namespace

struct Mirror::Implementation {
    using Clock = std::chrono::steady_clock;

    // A dump that was asked for and whose answer is being read.
    struct Running {
        Dump dump;
        Purpose purpose = Purpose::sync;
        int attempt = 0;
        std::uint32_t sequence = 0;
        bool is_interrupted = false;  // NLM_F_DUMP_INTR: something may be missing in it
    };

    Implementation(NetlinkSocket event_socket, NetlinkSocket request_socket, Devices devices,
                   Publish publish_to, WasUsed used)
        : events(std::move(event_socket)),
          requests(std::move(request_socket)),
          compiler(kernel, std::move(devices)),
          publish(std::move(publish_to)),
          was_used(std::move(used)) {
        ask_all(Purpose::sync);
    }

    void ask_all(Purpose purpose);
    void start_next_dump(Instant now);
    void read_events(Instant now);
    void resync();
    void read_dump(Instant now);
    void take_dump_message(const nlmsghdr& head, std::span<const std::uint8_t> message);
    void end_dump(Instant now, int error);
    void sync_done(Instant now);
    void note_suspicions(Instant now);
    void compile_if_due(Instant now);
    void change_devices(Instant now, Devices devices);
    void compile(Instant now);
    void keep_neighbours(Instant now);
    void start_due_work(Instant now);
    void refresh_status();

    NetlinkSocket events;
    NetlinkSocket requests;
    KernelState kernel;
    Compiler compiler;
    NeighbourUpkeep upkeep;
    Publish publish;
    WasUsed was_used;
    Status status;

    std::deque<Running> waiting;  // dumps to ask for, one after the other
    std::optional<Running> running;
    std::map<Dump, int> confirmations_due;  // stage (index of confirmation_delays) per dump
    std::multimap<Instant, Dump> confirmation_times;
    std::multimap<Instant, Running> retries;
    std::uint32_t sequence = 1;
    bool was_overrun = false;   // resync as soon as the event queue was read empty
    bool is_sync_asked = true;  // a full dump is waiting or running
    std::optional<Clock::time_point> sync_start;
    std::optional<Clock::time_point> change_start;  // first unpublished event was read
    Instant compile_not_before{};
    std::optional<Instant> audit_at;
    std::optional<Instant> upkeep_at;
};

void Mirror::Implementation::ask_all(Purpose purpose) {
    for (const Dump& dump : full_dump)
        waiting.push_back({dump, purpose});
}

void Mirror::Implementation::start_next_dump(Instant now) {
    if (running || waiting.empty() || was_overrun)
        return;
    running = waiting.front();
    waiting.pop_front();
    running->sequence = ++sequence;
    if (!sync_start && running->purpose == Purpose::sync)
        sync_start = Clock::now();
    kernel.begin_dump(running->dump);
    if (!requests.send(dump_request(running->dump, running->sequence)))
        end_dump(now, errno);
}

void Mirror::Implementation::read_events(Instant now) {
    const auto start = Clock::now();
    std::span<const std::uint8_t> bytes;
    for (int count = 0; count < events_per_call; ++count) {
        const Arrival arrival = events.receive(bytes);
        if (arrival == Arrival::overrun) {
            ++status.overruns;
            was_overrun = true;
            continue;
        }
        if (arrival != Arrival::bytes) {
            if (std::exchange(was_overrun, false))
                resync();
            break;
        }
        for_each_message(bytes, [&](const nlmsghdr&, std::span<const std::uint8_t> message) {
            ++status.messages;
            const auto event = decode(message);
            if (!event)
                ++status.undecodable;
            else if (*event)
                kernel.apply(**event);
            return true;
        });
    }
    if (!change_start && status.is_synced && kernel.has_changes())
        change_start = start;
    note_suspicions(now);
}

// Everything older than the loss is read: now dumps say what was missed, beside the running copy.
void Mirror::Implementation::resync() {
    std::erase_if(waiting, [](const Running& one) { return one.purpose == Purpose::sync; });
    ask_all(Purpose::sync);
    is_sync_asked = true;
    sync_start.reset();
}

void Mirror::Implementation::read_dump(Instant now) {
    std::span<const std::uint8_t> bytes;
    // The kernel's answers to wishes for neighbours, which also come while nobody asked for a dump:
    // unread they would keep the descriptor readable.
    for (int count = 0; count < datagrams_per_call && !running; ++count)
        if (requests.receive(bytes) == Arrival::nothing)
            return;
    for (int count = 0; count < datagrams_per_call && running; ++count) {
        const Arrival arrival = requests.receive(bytes);
        if (arrival == Arrival::nothing)
            return;
        if (arrival != Arrival::bytes) {
            end_dump(now, EIO);
            return;
        }
        // Events that are older than this part of the picture are taken first, so that it is never
        // mistaken for a difference.
        read_events(now);
        std::optional<int> end;
        for_each_message(bytes, [&](const nlmsghdr& head, std::span<const std::uint8_t> message) {
            if (head.nlmsg_seq != running->sequence)
                return true;  // the kernel's answer to a wish for a neighbour
            running->is_interrupted |= (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
                int error = 0;
                if (message.size() >= sizeof head + sizeof error)
                    std::memcpy(&error, message.data() + sizeof head, sizeof error);
                end = -error;
                return false;
            }
            take_dump_message(head, message);
            return true;
        });
        if (end)
            end_dump(now, *end);
    }
}

void Mirror::Implementation::take_dump_message(const nlmsghdr&,
                                               std::span<const std::uint8_t> message) {
    const auto event = decode(message);
    if (!event) {
        ++status.undecodable;
        return;
    }
    if (!*event)
        return;
    const std::size_t differences = kernel.offer(**event);
    if (running->purpose == Purpose::audit)
        status.audit_differences += differences;
}

void Mirror::Implementation::end_dump(Instant now, int error) {
    Running done = *std::exchange(running, std::nullopt);
    // A table or device that the filter names does not exist (any more): nothing is there.
    const bool is_empty = error == ENODEV || error == ENOENT;
    const bool is_whole = (error == 0 || is_empty) && !done.is_interrupted;
    if (is_whole) {
        const std::size_t differences = kernel.end_dump();
        if (done.purpose == Purpose::audit)
            status.audit_differences += differences;
    } else {
        kernel.abandon_dump();
        if (++done.attempt < retry_limit) {
            done.is_interrupted = false;
            retries.emplace(now + retry_delay * done.attempt, done);
        }
    }
    if (done.purpose == Purpose::confirmation)
        ++status.confirmations;
    note_suspicions(now);
    const auto is_same = [&](const Running& other) { return other.purpose == done.purpose; };
    const bool is_last =
        std::ranges::none_of(waiting, is_same) &&
        std::ranges::none_of(retries, [&](const auto& item) { return is_same(item.second); });
    if (is_last) {
        if (done.purpose == Purpose::sync && is_sync_asked)
            sync_done(now);
        if (done.purpose == Purpose::audit)
            ++status.audits;
    }
    start_next_dump(now);
}

void Mirror::Implementation::sync_done(Instant now) {
    is_sync_asked = false;
    ++status.resyncs;
    if (sync_start)
        status.last_sync_time = elapsed_since(*std::exchange(sync_start, std::nullopt));
    audit_at = now + audit_interval;
    if (!upkeep_at)
        upkeep_at = now + upkeep_interval;
    if (!std::exchange(status.is_synced, true))
        compile(now);
}

void Mirror::Implementation::note_suspicions(Instant now) {
    for (const Dump& dump : kernel.take_suspicions()) {
        // Once in line twice is enough: a new cause starts the line anew.
        if (confirmations_due.contains(dump))
            std::erase_if(confirmation_times,
                          [&](const auto& item) { return item.second == dump; });
        confirmations_due[dump] = 0;
        confirmation_times.emplace(now + confirmation_delays[0], dump);
    }
}

void Mirror::Implementation::compile_if_due(Instant now) {
    if (status.is_synced && kernel.has_changes() && now >= compile_not_before)
        compile(now);
}

void Mirror::Implementation::change_devices(Instant now, Devices devices) {
    if (devices == compiler.devices())
        return;
    compiler.change_devices(std::move(devices));
    if (status.is_synced)
        compile(now);
}

void Mirror::Implementation::compile(Instant now) {
    const auto start = Clock::now();
    auto state = compiler.compile();
    if (state) {
        status.generation = state->generation;
        publish(std::move(state));
    }
    if (change_start) {
        status.last_latency = elapsed_since(*change_start);
        status.worst_latency = std::max(status.worst_latency, status.last_latency);
        change_start.reset();
    }
    compile_not_before =
        now + std::min<Duration>(elapsed_since(start) * (1 + pause_per_compile), longest_pause);
    keep_neighbours(now);
}

void Mirror::Implementation::keep_neighbours(Instant now) {
    for (const auto& [key, wish] : upkeep.wishes(now, compiler.neighbour_uses(), kernel, was_used))
        (void)requests.send(neighbour_request(key, wish, ++sequence));
    upkeep_at = now + upkeep_interval;
}

void Mirror::Implementation::start_due_work(Instant now) {
    while (!confirmation_times.empty() && confirmation_times.begin()->first <= now) {
        const Dump dump = confirmation_times.begin()->second;
        confirmation_times.erase(confirmation_times.begin());
        waiting.push_back({dump, Purpose::confirmation});
        int& stage = confirmations_due[dump];
        if (static_cast<std::size_t>(++stage) < confirmation_delays.size())
            confirmation_times.emplace(now + confirmation_delays[static_cast<std::size_t>(stage)],
                                       dump);
        else
            confirmations_due.erase(dump);
    }
    while (!retries.empty() && retries.begin()->first <= now) {
        waiting.push_back(retries.begin()->second);
        retries.erase(retries.begin());
    }
    if (audit_at && *audit_at <= now) {
        audit_at = now + audit_interval;
        ask_all(Purpose::audit);
    }
    if (upkeep_at && *upkeep_at <= now)
        keep_neighbours(now);
}

void Mirror::Implementation::refresh_status() {
    status.links = kernel.links().size();
    status.addresses = kernel.addresses().size();
    status.neighbours = kernel.neighbours().size();
    status.nexthops = kernel.nexthops().size();
    status.rules = kernel.rules(Family::ipv4).size() + kernel.rules(Family::ipv6).size();
    status.routes = kernel.route_count();
    status.pending_dumps =
        waiting.size() + (running ? 1 : 0) + confirmation_times.size() + retries.size();
    const Compiled& compiled = compiler.compiled();
    status.leaves = compiled.leaves;
    status.adjacencies = compiled.adjacencies;
    status.tables = compiled.tables;
    status.table_bytes = compiled.table_bytes;
    status.unsupported_rules = compiled.unsupported_rules;
    status.waiting_routes = compiled.waiting_routes;
}

std::expected<std::unique_ptr<Mirror>, Error> Mirror::open(Devices devices, Publish publish,
                                                           WasUsed was_used) {
    auto events = NetlinkSocket::for_events();
    if (!events)
        return std::unexpected(Error{events.error()});
    auto requests = NetlinkSocket::for_requests();
    if (!requests)
        return std::unexpected(Error{requests.error()});
    auto implementation = std::make_unique<Implementation>(std::move(*events), std::move(*requests),
                                                           std::move(devices), std::move(publish),
                                                           std::move(was_used));
    implementation->start_next_dump(Instant{});
    return std::unique_ptr<Mirror>(new Mirror(std::move(implementation)));
}

Mirror::Mirror(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

Mirror::~Mirror() = default;

std::array<int, 2> Mirror::descriptors() const {
    return {implementation_->events.descriptor(), implementation_->requests.descriptor()};
}

std::optional<Instant> Mirror::next_deadline() const {
    const Implementation& self = *implementation_;
    std::optional<Instant> next;
    const auto consider = [&](const std::optional<Instant>& when) {
        if (when && (!next || *when < *next))
            next = when;
    };
    consider(self.audit_at);
    consider(self.upkeep_at);
    if (!self.confirmation_times.empty())
        consider(self.confirmation_times.begin()->first);
    if (!self.retries.empty())
        consider(self.retries.begin()->first);
    if (self.status.is_synced && self.kernel.has_changes())
        consider(self.compile_not_before);
    return next;
}

void Mirror::on_readable(Instant now) {
    Implementation& self = *implementation_;
    self.read_events(now);
    self.read_dump(now);
    self.start_due_work(now);
    self.start_next_dump(now);
    self.compile_if_due(now);
}

void Mirror::on_time(Instant now) {
    Implementation& self = *implementation_;
    self.start_due_work(now);
    self.start_next_dump(now);
    self.compile_if_due(now);
}

void Mirror::change_devices(Instant now, Devices devices) {
    implementation_->change_devices(now, std::move(devices));
}

const Status& Mirror::status() const {
    implementation_->refresh_status();
    return implementation_->status;
}

std::vector<std::string> Mirror::description() const {
    return implementation_->kernel.description();
}

Explanation Mirror::explain(InterfaceIndex input, const Address& source,
                            const Address& destination) const {
    const Implementation& self = *implementation_;
    return mirror::explain(self.kernel, self.compiler.devices(), input, source, destination);
}

std::string Mirror::device_name(InterfaceIndex interface) const {
    const Link* link = implementation_->kernel.links().find(interface);
    return link ? link->name : "#" + std::to_string(interface.value);
}

}  // namespace detour::mirror
