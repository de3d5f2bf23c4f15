// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/capture/service.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace detour::engine {
namespace {

using program::capture::End;
using program::capture::Kind;
using program::capture::LinkType;
using program::capture::Reply;
using program::capture::StartRequest;
using program::capture::TapCount;
using program::capture::TapRequest;
namespace wire = program::capture;

// How long a reader may take for its request.
constexpr timeval request_time{.tv_sec = 1, .tv_usec = 0};
// Between looks into the rings; a copy made by one worker is held so long that an older one of
// another is in its ring by then.
constexpr int look_interval = 2;  // milliseconds
constexpr std::uint64_t settled = 2'000'000;
// How long a reader may be slow before what it reads is looked at again (its end, the time).
constexpr int slow_reader = 20;  // milliseconds
// How long the rest of a capture that ended may take to be read.
constexpr std::uint64_t last_words = 2000;  // milliseconds

std::uint64_t now_since_1970() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

std::uint64_t monotonic_milliseconds() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

void send_reply(const Descriptor& client, const Reply& reply, const void* more, std::size_t size) {
    std::vector<std::uint8_t> message(sizeof reply + size);
    std::memcpy(message.data(), &reply, sizeof reply);
    if (size != 0)
        std::memcpy(message.data() + sizeof reply, more, size);
    ::send(client.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void refuse(const Descriptor& client, const std::string& why) {
    send_reply(client, {.kind = Kind::refused}, why.data(), why.size());
}

// Waits a little for a reader that is behind.
bool is_writable(const Descriptor& client) {
    pollfd event{client.get(), POLLOUT, 0};
    return ::poll(&event, 1, slow_reader) > 0;
}

// One tap of the request, or why not.
std::expected<TapPlan, std::string> plan_of(std::span<const std::uint8_t> message,
                                            const std::vector<Capturable>& things) {
    TapRequest request;
    if (message.size() < sizeof request)
        return std::unexpected("a request of another version: compare detour version on both");
    std::memcpy(&request, message.data(), sizeof request);
    const auto filter = message.subspan(sizeof request);
    if (request.version != wire::version ||
        filter.size() != request.instruction_count * sizeof(wire::Instruction) ||
        request.instruction_count > wire::max_instruction_count)
        return std::unexpected("a request of another version: compare detour version on both");
    request.name.back() = '\0';
    const std::string name = request.name.data();
    const auto thing = std::ranges::find(things, name, &Capturable::name);
    if (thing == things.end())
        return std::unexpected(
            fmt::format("the data plane runs without a port or tunnel {}: was it started with "
                        "another configuration?",
                        name));
    if ((request.link_type == LinkType::ip) != thing->tunnel.has_value())
        return std::unexpected(fmt::format("{} is {} in the configuration that the data plane runs",
                                           name, thing->tunnel ? "a tunnel" : "a port"));
    TapPlan plan{.device = thing->device,
                 .receive_queue_count = thing->receive_queue_count,
                 .transmit_queue_count = thing->transmit_queue_count,
                 .vlan = thing->vlan,
                 .tunnel = thing->tunnel,
                 .snap = std::clamp(request.snap, 1U, wire::max_snap),
                 .filter = std::vector<wire::Instruction>(request.instruction_count)};
    if (!filter.empty())
        std::memcpy(plan.filter.data(), filter.data(), filter.size());
    if (!is_sound(plan.filter))
        return std::unexpected("the filter is no sound program");
    return plan;
}

struct Wish {
    std::vector<TapPlan> plans;
    std::uint32_t seconds = 0;
};

std::expected<Wish, std::string> read_wish(const Descriptor& client,
                                           const std::vector<Capturable>& things) {
    Wish wish;
    std::vector<std::uint8_t> buffer(wire::max_message_size);
    for (;;) {
        const ssize_t size = ::recv(client.get(), buffer.data(), buffer.size(), 0);
        if (size < static_cast<ssize_t>(sizeof(Kind)))
            return std::unexpected("no request came");
        const std::span message(buffer.data(), static_cast<std::size_t>(size));
        Kind kind{};
        std::memcpy(&kind, message.data(), sizeof kind);
        if (kind == Kind::start && message.size() == sizeof(StartRequest) && !wish.plans.empty()) {
            StartRequest start;
            std::memcpy(&start, message.data(), sizeof start);
            wish.seconds = std::clamp(start.seconds, 1U, wire::max_seconds);
            return wish;
        }
        if (kind != Kind::tap || wish.plans.size() == wire::max_tap_count)
            return std::unexpected("a request of another version: compare detour version on both");
        auto plan = plan_of(message, things);
        if (!plan)
            return std::unexpected(plan.error());
        plan->number = static_cast<std::uint16_t>(wish.plans.size());
        wish.plans.push_back(std::move(*plan));
    }
}

}  // namespace

std::expected<std::unique_ptr<CaptureService>, Error> CaptureService::open(
    const program::RunDir& run, std::vector<Capturable> things, fib::Publisher& publisher) {
    std::unique_ptr<CaptureService> service(new CaptureService(std::move(things), publisher));
    service->path_ = run.capture_socket().native();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (service->path_.size() >= sizeof address.sun_path)
        return std::unexpected(setup_error(service->path_ + " is too long for a socket"));
    service->path_.copy(address.sun_path, sizeof address.sun_path - 1);
    service->listener_ = Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    service->stop_ = Descriptor(eventfd(0, EFD_CLOEXEC));
    ::unlink(service->path_.c_str());
    // Nobody can connect before listen(): the mode is right by then.
    if (::bind(service->listener_.get(), reinterpret_cast<const sockaddr*>(&address),
               sizeof address) != 0 ||
        ::chmod(service->path_.c_str(), 0600) != 0 || ::listen(service->listener_.get(), 4) != 0)
        return std::unexpected(system_error("cannot listen on " + service->path_));
    service->thread_ = std::thread([raw = service.get()] { raw->run(); });
    return service;
}

CaptureService::~CaptureService() {
    if (!thread_.joinable())
        return;
    must_stop_.store(true, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
    ::unlink(path_.c_str());
}

void CaptureService::run() {
    pthread_setname_np(pthread_self(), "detour-capture");
    // Of this thread alone: whatever else wants the processor goes first.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
    while (!must_stop_.load(std::memory_order_relaxed)) {
        std::array<pollfd, 2> events{{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        ::poll(events.data(), events.size(), -1);
        if (events[0].revents == 0)
            continue;
        if (Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            client.is_open())
            serve(std::move(client));
    }
}

void CaptureService::serve(Descriptor client) {
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &request_time, sizeof request_time);
    const int buffer = 1 << 20;
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    auto wish = read_wish(client, things_);
    if (!wish)
        return refuse(client, wish.error());
    const std::uint64_t seconds = wish->seconds;
    Session session(std::move(wish->plans), publisher_);
    if (!session.attach())
        return refuse(client, "DPDK takes no further callback on this port");
    send_reply(client, {.kind = Kind::accepted}, nullptr, 0);
    const End end = stream(session, client, monotonic_milliseconds() + seconds * 1000);
    session.detach();
    // What was copied until then, as long as somebody reads it.
    const std::uint64_t patience = monotonic_milliseconds() + last_words;
    while (send_until(session, client, UINT64_MAX) && !session.message(UINT64_MAX).empty() &&
           monotonic_milliseconds() < patience) {
    }
    const auto counts = session.counts();
    [[maybe_unused]] const bool has_room = is_writable(client);
    send_reply(client, {.kind = Kind::ended, .end = end}, counts.data(),
               counts.size() * sizeof(TapCount));
}

bool CaptureService::send_until(Session& session, const Descriptor& client, std::uint64_t until) {
    for (;;) {
        const auto message = session.message(until);
        if (message.empty())
            return true;
        if (::send(client.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            session.sent();
        else if (errno != EAGAIN)
            return false;
        else if (!is_writable(client))
            return true;  // later; meanwhile the rings fill, and count what they lose
    }
}

End CaptureService::stream(Session& session, const Descriptor& client, std::uint64_t deadline) {
    while (!must_stop_.load(std::memory_order_relaxed)) {
        std::array<pollfd, 3> events{
            {{client.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        ::poll(events.data(), events.size(), look_interval);
        if (events[1].revents != 0)
            refuse_others();
        // There is nothing to say while it runs: what is readable is the reader's end.
        if (events[0].revents != 0)
            return End::asked;
        if (!send_until(session, client, now_since_1970() - settled))
            return End::asked;
        if (monotonic_milliseconds() >= deadline)
            return End::time;
    }
    return End::stopping;
}

void CaptureService::refuse_others() {
    if (const Descriptor other(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        other.is_open())
        refuse(other, "another capture runs; one at a time");
}

}  // namespace detour::engine
