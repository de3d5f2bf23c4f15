// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/worker/idle.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace detour::engine {
namespace {

void watch(int poll, int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

// A packet socket says ENETDOWN when its interface goes down, and would wake us for it for ever.
void take_error(int socket) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
}

}  // namespace

Idle::Idle(model::PollMode mode, std::span<const int> sockets, std::size_t blind_queues,
           node::Bell& bell)
    : mode_(mode), is_blind_(blind_queues != 0), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(poll_.get(), bell.descriptor());
    for (const int socket : sockets)
        watch(poll_.get(), socket);
}

void Idle::settle() {
    // The kernel rounds a thread's short sleeps up by 50 us otherwise.
    prctl(PR_SET_TIMERSLACK, 1UL);
}

timespec Idle::next_limit() {
    // Also when every queue has a socket the sleep ends, so that a driver's surprise (a socket that
    // does not wake) costs a second and not the traffic.
    if (!is_blind_)
        return {.tv_sec = 1, .tv_nsec = 0};
    // A nap costs some 7 us of processor time: 12 % of it at the first length, 1.4 % at the last.
    const long nap = std::exchange(nap_, std::min(nap_ * 2, longest_nap));
    return {.tv_sec = 0, .tv_nsec = nap};
}

void Idle::sleep() {
    // Patience is for a worker that just had work: after a sleep one empty round is enough.
    empty_rounds_ = rounds_before_sleep - 1;
    const timespec limit = next_limit();
    std::array<epoll_event, 8> events{};
    const int count =
        epoll_pwait2(poll_.get(), events.data(), static_cast<int>(events.size()), &limit, nullptr);
    for (int i = 0; i < count; ++i)
        if (const epoll_event& event = events[static_cast<std::size_t>(i)];
            (event.events & EPOLLERR) != 0)
            take_error(event.data.fd);
}

}  // namespace detour::engine
