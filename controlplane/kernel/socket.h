// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A non-blocking rtnetlink socket and the two errors this room knows. Owned and used by the event
// loop's thread alone.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct mnl_socket;

namespace detour::kernel {

// A system call that failed, with what was tried.
struct KernelError {
    int code = 0;  // errno
    std::string message;
};

class Socket {
 public:
    // `groups`: RTNLGRP_ numbers to subscribe to. Asks for `receive_size` bytes of receive buffer,
    // beyond the system's limit where privileges allow; without them it gets what the limit gives.
    [[nodiscard]] static std::expected<Socket, KernelError> open(std::span<const unsigned> groups,
                                                                 int receive_size);

    [[nodiscard]] int fd() const;

    // What the kernel has not taken is an error: rtnetlink takes all or nothing.
    [[nodiscard]] std::expected<void, KernelError> send(std::span<const std::uint8_t> messages);

    enum class Reception : std::uint8_t {
        messages,  // there may be more
        empty,     // nothing waits
        overrun,   // the kernel dropped messages
    };
    // One datagram: calls `handle` for each message in it.
    [[nodiscard]] std::expected<Reception, KernelError> receive(
        const std::function<void(const nlmsghdr&)>& handle);

    // Of route messages only those that bear our protocol reach a subscriber; a full table that
    // somebody else writes does not wake us.
    [[nodiscard]] std::expected<void, KernelError> attach_own_routes_filter();

 private:
    struct Closer {
        void operator()(mnl_socket* socket) const;
    };

    explicit Socket(mnl_socket* socket);

    std::unique_ptr<mnl_socket, Closer> socket_;
    std::vector<std::uint8_t> buffer_;
};

}  // namespace detour::kernel
