// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Sockets and clocks of the lab's traffic: an address with a port as text says it
// ("192.0.2.1:5000", "[2001:db8::1]:5000"), and descriptors that close themselves. What cannot be
// done throws std::system_error: the program says it and ends.
#pragma once

#include <sys/socket.h>

#include <csignal>
#include <string>
#include <utility>

#include "conf/types/address.h"
#include "conf/types/duration.h"

namespace detour::lab {

struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    // Throws std::invalid_argument.
    [[nodiscard]] static Endpoint parse(const std::string& text);
};

class Descriptor {
 public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor();

    [[nodiscard]] int number() const { return number_; }

 private:
    int number_;
};

// A socket of type SOCK_DGRAM or SOCK_STREAM with large buffers; bound to `local`, connected to
// `remote` where given. `patience` bounds a connect.
[[nodiscard]] Descriptor bound_socket(const Endpoint& local, int type);
[[nodiscard]] Descriptor connected_socket(const Endpoint& remote, const Endpoint* local, int type,
                                          Duration patience);

// CLOCK_MONOTONIC, which is the same in every namespace of a host: the lab's one time line.
[[nodiscard]] Instant now();
void sleep_until(Instant deadline);

// Be scheduled before ordinary processes, where that is allowed: what the lab measures is the
// network and not this machine's other work.
void come_first();

// Set by SIGINT and SIGTERM once stop_on_signals() was called; blocking calls return EINTR then.
extern volatile std::sig_atomic_t is_stopping;
void stop_on_signals();

[[noreturn]] void throw_errno(const char* what);

}  // namespace detour::lab
