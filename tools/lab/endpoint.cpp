// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <system_error>

namespace detour::lab {

volatile std::sig_atomic_t is_stopping = 0;

namespace {

// Room for 0.2 s of 20,000 packets/s, with the kernel's own overhead for each.
constexpr int buffer_size = 16 << 20;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    explicit SocketAddress(const Endpoint& endpoint) {
        const std::string text = endpoint.address.to_string();
        if (endpoint.address.family() == Family::ipv4) {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
            v4->sin_family = AF_INET;
            v4->sin_port = htons(endpoint.port);
            inet_pton(AF_INET, text.c_str(), &v4->sin_addr);
            size = sizeof *v4;
        } else {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons(endpoint.port);
            inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr);
            size = sizeof *v6;
        }
    }
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

Descriptor open_socket(const Endpoint& endpoint, int type) {
    const int family = endpoint.address.family() == Family::ipv4 ? AF_INET : AF_INET6;
    Descriptor descriptor(::socket(family, type | SOCK_CLOEXEC, 0));
    if (descriptor.number() < 0)
        throw_errno("socket");
    const int on = 1;
    ::setsockopt(descriptor.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (type == SOCK_DGRAM) {
        // FORCE is refused without CAP_NET_ADMIN; the plain size then has to do.
        for (const int option : {SO_RCVBUF, SO_SNDBUF, SO_RCVBUFFORCE, SO_SNDBUFFORCE})
            ::setsockopt(descriptor.number(), SOL_SOCKET, option, &buffer_size, sizeof buffer_size);
    }
    return descriptor;
}

void bind_to(const Descriptor& descriptor, const Endpoint& local) {
    const SocketAddress address(local);
    if (::bind(descriptor.number(), address.get(), address.size) != 0)
        throw_errno("bind");
}

}  // namespace

Endpoint Endpoint::parse(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos)
        throw std::invalid_argument(fmt::format("'{}' has no port: ADDRESS:PORT", text));
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    Endpoint endpoint;
    const auto [end, error] =
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), endpoint.port);
    const auto address = Address::parse(host);
    if (!address || error != std::errc() || end != text.data() + text.size())
        throw std::invalid_argument(fmt::format("'{}' is not ADDRESS:PORT", text));
    endpoint.address = *address;
    return endpoint;
}

Descriptor::~Descriptor() {
    if (number_ >= 0)
        ::close(number_);
}

Descriptor bound_socket(const Endpoint& local, int type) {
    Descriptor descriptor = open_socket(local, type);
    bind_to(descriptor, local);
    return descriptor;
}

Descriptor connected_socket(const Endpoint& remote, const Endpoint* local, int type,
                            Duration patience) {
    Descriptor descriptor = open_socket(remote, type);
    if (local != nullptr)
        bind_to(descriptor, *local);
    // The kernel's own limit of a connect is its send timeout.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const timeval limit{.tv_sec = seconds.count(), .tv_usec = 0};
    ::setsockopt(descriptor.number(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const SocketAddress address(remote);
    if (::connect(descriptor.number(), address.get(), address.size) != 0)
        throw_errno("connect");
    const timeval unlimited{};
    ::setsockopt(descriptor.number(), SOL_SOCKET, SO_SNDTIMEO, &unlimited, sizeof unlimited);
    return descriptor;
}

Instant now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

void sleep_until(Instant deadline) {
    const Duration since_zero = deadline.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_zero);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (since_zero - seconds).count()};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

void come_first() {
    const sched_param priority{.sched_priority = 10};
    ::sched_setscheduler(0, SCHED_FIFO, &priority);
}

void stop_on_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { is_stopping = 1; };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
}

void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace detour::lab
