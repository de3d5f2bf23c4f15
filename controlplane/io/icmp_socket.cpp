// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/icmp_socket.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "controlplane/io/clock.h"

namespace detour::io {
namespace {

// Replies of a whole suspicion burst fit; beyond it the kernel drops and a probe counts as lost.
constexpr int receive_buffer_size = 1 << 20;
// One turn of the loop reads at most this many, so that a flood of replies cannot hold it.
constexpr int replies_per_turn = 256;

std::error_code last_error() {
    return {errno, std::generic_category()};
}

int open_raw(Family family) {
    const bool is_ipv4 = family == Family::ipv4;
    const int fd = ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                            is_ipv4 ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6);
    if (fd < 0)
        return -1;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_size, sizeof receive_buffer_size);
    if (is_ipv4) {
        icmp_filter filter{};
        filter.data = ~(1U << ICMP_ECHOREPLY);
        ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
        ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    } else {
        icmp6_filter filter{};
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    }
    return fd;
}

// A socket address of the family without a port, and its size.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    explicit SocketAddress(const Address& address) {
        if (address.family() == Family::ipv4) {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
            v4->sin_family = AF_INET;
            std::memcpy(&v4->sin_addr, address.bytes().data(), 4);
            size = sizeof *v4;
        } else {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
            v6->sin6_family = AF_INET6;
            std::memcpy(&v6->sin6_addr, address.bytes().data(), 16);
            size = sizeof *v6;
        }
    }
};

template <class T>
void put_control(msghdr& header, int level, int type, const T& value) {
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(control), &value, sizeof value);
    header.msg_controllen = CMSG_SPACE(sizeof value);
}

Address to_address(const in_addr& address) {
    return Address::ipv4(ntohl(address.s_addr));
}
Address to_address(const in6_addr& address) {
    return *Address::from_bytes(Family::ipv6, address.s6_addr);
}

// Destination and arrival interface from the packet info the kernel attached.
bool read_packet_info(msghdr& header, IcmpReply& reply) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            reply.destination = to_address(info.ipi_addr);
            reply.interface = InterfaceIndex{static_cast<std::uint32_t>(info.ipi_ifindex)};
            return true;
        }
        if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            reply.destination = to_address(info.ipi6_addr);
            reply.interface = InterfaceIndex{info.ipi6_ifindex};
            return true;
        }
    }
    return false;
}

}  // namespace

std::expected<std::unique_ptr<IcmpSocket>, std::error_code> IcmpSocket::open(asio::io_context& loop,
                                                                             Handler handler) {
    const int ipv4 = open_raw(Family::ipv4);
    if (ipv4 < 0)
        return std::unexpected(last_error());
    const int ipv6 = open_raw(Family::ipv6);
    if (ipv6 < 0) {
        const std::error_code error = last_error();
        ::close(ipv4);
        return std::unexpected(error);
    }
    return std::unique_ptr<IcmpSocket>(new IcmpSocket(loop, std::move(handler), ipv4, ipv6));
}

IcmpSocket::IcmpSocket(asio::io_context& loop, Handler handler, int ipv4, int ipv6)
    : sockets_{asio::posix::stream_descriptor(loop, ipv4),
               asio::posix::stream_descriptor(loop, ipv6)},
      handler_(std::move(handler)) {
    wait(Family::ipv4);
    wait(Family::ipv6);
}

std::error_code IcmpSocket::send(InterfaceIndex interface, const Address& source,
                                 const Address& target, std::span<const std::uint8_t> message) {
    SocketAddress to(target);
    iovec vector{const_cast<std::uint8_t*>(message.data()), message.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
    msghdr header{};
    header.msg_name = &to.storage;
    header.msg_namelen = to.size;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (target.family() == Family::ipv4) {
        in_pktinfo info{};
        info.ipi_ifindex = static_cast<int>(interface.value);
        std::memcpy(&info.ipi_spec_dst, source.bytes().data(), 4);
        put_control(header, IPPROTO_IP, IP_PKTINFO, info);
    } else {
        in6_pktinfo info{};
        info.ipi6_ifindex = interface.value;
        std::memcpy(&info.ipi6_addr, source.bytes().data(), 16);
        put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    const int fd = sockets_[static_cast<std::size_t>(target.family())].native_handle();
    return ::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? last_error()
                                                                   : std::error_code{};
}

void IcmpSocket::wait(Family family) {
    sockets_[static_cast<std::size_t>(family)].async_wait(
        asio::posix::stream_descriptor::wait_read, [this, family](const asio::error_code& error) {
            if (error)
                return;  // the loop is going down
            drain(family);
            wait(family);
        });
}

void IcmpSocket::drain(Family family) {
    const int fd = sockets_[static_cast<std::size_t>(family)].native_handle();
    std::array<std::uint8_t, 2048> buffer;
    for (int count = 0; count < replies_per_turn; ++count) {
        sockaddr_storage from{};
        alignas(cmsghdr) std::array<char, 256> control;
        iovec vector{buffer.data(), buffer.size()};
        msghdr header{};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(fd, &header, MSG_DONTWAIT);
        if (size < 0)
            return;
        if ((header.msg_flags & MSG_TRUNC) != 0)
            continue;
        IcmpReply reply;
        reply.at = now();
        if (!read_packet_info(header, reply))
            continue;
        std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(size));
        if (family == Family::ipv4) {
            // A raw IPv4 socket hears the IP header as well, an IPv6 one does not.
            const std::size_t header_size = bytes.empty() ? 0 : (bytes[0] & 0x0fU) * 4U;
            if (header_size < sizeof(ip) || header_size > bytes.size())
                continue;
            bytes = bytes.subspan(header_size);
            reply.source = to_address(reinterpret_cast<const sockaddr_in*>(&from)->sin_addr);
        } else {
            reply.source = to_address(reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr);
        }
        reply.bytes = bytes;
        handler_(reply);
    }
}

}  // namespace detour::io
