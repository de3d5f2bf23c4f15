// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "controlplane/kernel/plan/numbers.h"

namespace detour::kernel {
namespace {

// Larger than any datagram of a dump, so that one system call brings many objects.
constexpr std::size_t buffer_size = 256UL * 1024;

std::unexpected<KernelError> failure(const char* what) {
    const int code = errno;
    return std::unexpected(KernelError{code, fmt::format("{}: {}", what, std::strerror(code))});
}

}  // namespace

void Socket::Closer::operator()(mnl_socket* socket) const {
    mnl_socket_close(socket);
}

Socket::Socket(mnl_socket* socket) : socket_(socket), buffer_(buffer_size) {}

std::expected<Socket, KernelError> Socket::open(std::span<const unsigned> groups,
                                                int receive_size) {
    Socket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.socket_)
        return failure("cannot open an rtnetlink socket");
    if (mnl_socket_bind(socket.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return failure("cannot bind an rtnetlink socket");
    int on = 1;
    // Dumps are filtered by the kernel, and refusals come with a reason.
    for (const int option : {NETLINK_GET_STRICT_CHK, NETLINK_EXT_ACK, NETLINK_CAP_ACK})
        if (mnl_socket_setsockopt(socket.socket_.get(), option, &on, sizeof on) < 0)
            return failure("this kernel is too old for strict rtnetlink dumps (4.20)");
    const int fd = socket.fd();
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_size, sizeof receive_size) < 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size) < 0)
        return failure("cannot size a receive buffer");
    for (unsigned group : groups)
        if (mnl_socket_setsockopt(socket.socket_.get(), NETLINK_ADD_MEMBERSHIP, &group,
                                  sizeof group) < 0)
            return failure("cannot subscribe to rtnetlink notifications");
    return socket;
}

int Socket::fd() const {
    return mnl_socket_get_fd(socket_.get());
}

std::expected<void, KernelError> Socket::send(std::span<const std::uint8_t> messages) {
    if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0)
        return failure("cannot send to rtnetlink");
    return {};
}

std::expected<Socket::Reception, KernelError> Socket::receive(
    const std::function<void(const nlmsghdr&)>& handle) {
    const auto size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    if (size < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return Reception::empty;
        if (errno == ENOBUFS || errno == ENOSPC)
            return Reception::overrun;
        return failure("cannot receive from rtnetlink");
    }
    int remaining = static_cast<int>(size);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    while (mnl_nlmsg_ok(message, remaining)) {
        handle(*message);
        message = mnl_nlmsg_next(message, &remaining);
    }
    return Reception::messages;
}

std::expected<void, KernelError> Socket::attach_own_routes_filter() {
    // Netlink fields are in host order, BPF loads in network order: hence htons().
    constexpr std::uint32_t type_offset = offsetof(nlmsghdr, nlmsg_type);
    constexpr std::uint32_t protocol_offset = NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol);
    constexpr std::uint32_t accept = 0xffffffff;
    std::array<sock_filter, 7> code{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type_offset),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, protocol_offset),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, plan::our_protocol, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, accept),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return failure("cannot filter rtnetlink notifications");
    return {};
}

}  // namespace detour::kernel
