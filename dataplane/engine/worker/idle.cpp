// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/worker/idle.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <array>
#include <ctime>

namespace detour::engine {
namespace {

void watch(int poll, int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace

Idle::Idle(model::PollMode mode, std::span<const int> sockets, std::size_t blind_queues,
           node::Bell& bell)
    : mode_(mode), is_blind_(blind_queues != 0), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(poll_.get(), bell.descriptor());
    for (const int socket : sockets)
        watch(poll_.get(), socket);
}

void Idle::sleep() {
    empty_rounds_ = 0;
    // The kernel rounds short sleeps of a thread up by 50 us otherwise; the calling thread's own.
    if (is_blind_)
        prctl(PR_SET_TIMERSLACK, 1UL);
    // Also when every queue has a socket the sleep ends, so that a driver's surprise (a socket that
    // does not wake) costs a second and not the traffic.
    const timespec short_nap{.tv_sec = 0, .tv_nsec = 80'000};
    const timespec long_sleep{.tv_sec = 1, .tv_nsec = 0};
    std::array<epoll_event, 8> events{};
    epoll_pwait2(poll_.get(), events.data(), static_cast<int>(events.size()),
                 is_blind_ ? &short_nap : &long_sleep, nullptr);
}

}  // namespace detour::engine
