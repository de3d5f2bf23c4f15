// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/io/probe_sockets.h"

#include <linux/filter.h>
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

struct Which {
    ProbeProtocol protocol;
    Family family;
};

constexpr std::size_t index_of(const Which& which) {
    return static_cast<std::size_t>(which.protocol) * 2 + static_cast<std::size_t>(which.family);
}
constexpr Which which_of(std::size_t index) {
    return {static_cast<ProbeProtocol>(index / 2), static_cast<Family>(index % 2)};
}

int protocol_number(const Which& which) {
    switch (which.protocol) {
        case ProbeProtocol::icmp:
            return which.family == Family::ipv4 ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6;
        case ProbeProtocol::tcp:
            return IPPROTO_TCP;
        case ProbeProtocol::udp:
            return IPPROTO_UDP;
    }
    return 0;
}

void filter_icmp(int fd, Family family) {
    if (family == Family::ipv4) {
        icmp_filter filter{};
        filter.data = ~(1U << ICMP_ECHOREPLY | 1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED);
        ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
        return;
    }
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    for (const int type :
         {ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED})
        ICMP6_FILTER_SETPASS(type, &filter);
    ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

// The box's BGP sessions and whatever else speaks TCP here pass by in the kernel. A raw IPv4 socket
// sees the IP header (its length goes to X), a raw IPv6 one does not (X = 0).
void filter_segments(int fd, const Which& which, std::uint16_t first_port) {
    const sock_filter find_header = which.family == Family::ipv4
                                        ? sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
                                        : sock_filter BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0);
    constexpr std::uint32_t syn = 0x02, rst = 0x04, ack = 0x10;
    std::vector<sock_filter> program{
        find_header,
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_port, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    if (which.protocol == ProbeProtocol::tcp) {
        program.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13));
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ack, 1, 0));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn | rst, 1, 0));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffff));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

int open_raw(const Which& which, std::uint16_t first_port) {
    const bool is_ipv4 = which.family == Family::ipv4;
    const int fd = ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                            protocol_number(which));
    if (fd < 0)
        return -1;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_size, sizeof receive_buffer_size);
    if (which.protocol == ProbeProtocol::icmp)
        filter_icmp(fd, which.family);
    else
        filter_segments(fd, which, first_port);
    const int discover = is_ipv4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;
    if (is_ipv4) {
        ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
        ::setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    } else {
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
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

// Control messages, one behind the other.
class Controls {
 public:
    explicit Controls(msghdr& header) : header_(header) {
        header_.msg_control = bytes_.data();
        header_.msg_controllen = 0;
    }
    template <class T>
    void add(int level, int type, const T& value) {
        auto* control = reinterpret_cast<cmsghdr*>(bytes_.data() + header_.msg_controllen);
        control->cmsg_level = level;
        control->cmsg_type = type;
        control->cmsg_len = CMSG_LEN(sizeof value);
        std::memcpy(CMSG_DATA(control), &value, sizeof value);
        header_.msg_controllen += CMSG_SPACE(sizeof value);
    }

 private:
    msghdr& header_;
    alignas(cmsghdr) std::array<char, 128> bytes_{};
};

Address to_address(const in_addr& address) {
    return Address::ipv4(ntohl(address.s_addr));
}
Address to_address(const in6_addr& address) {
    return *Address::from_bytes(Family::ipv6, address.s6_addr);
}

// Destination and arrival interface from the packet info the kernel attached.
bool read_packet_info(msghdr& header, ProbeReply& reply) {
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

std::expected<std::unique_ptr<ProbeSockets>, std::error_code> ProbeSockets::open(
    asio::io_context& loop, std::uint16_t first_port, Handler handler) {
    std::array<int, socket_count> sockets{};
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        sockets[i] = open_raw(which_of(i), first_port);
        if (sockets[i] >= 0)
            continue;
        const std::error_code error = last_error();
        while (i-- != 0)
            ::close(sockets[i]);
        return std::unexpected(error);
    }
    return std::unique_ptr<ProbeSockets>(new ProbeSockets(loop, std::move(handler), sockets));
}

ProbeSockets::ProbeSockets(asio::io_context& loop, Handler handler,
                           const std::array<int, socket_count>& sockets)
    : handler_(std::move(handler)) {
    for (const int fd : sockets)
        sockets_.emplace_back(loop, fd);
    for (std::size_t i = 0; i < sockets_.size(); ++i)
        wait(i);
}

std::error_code ProbeSockets::send(InterfaceIndex interface, const Message& message) {
    SocketAddress to(message.target);
    const bool is_ipv4 = message.target.family() == Family::ipv4;
    iovec vector{const_cast<std::uint8_t*>(message.bytes.data()), message.bytes.size()};
    msghdr header{};
    header.msg_name = &to.storage;
    header.msg_namelen = to.size;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    Controls controls(header);
    if (is_ipv4) {
        in_pktinfo info{};
        info.ipi_ifindex = static_cast<int>(interface.value);
        std::memcpy(&info.ipi_spec_dst, message.source.bytes().data(), 4);
        controls.add(IPPROTO_IP, IP_PKTINFO, info);
    } else {
        in6_pktinfo info{};
        info.ipi6_ifindex = interface.value;
        std::memcpy(&info.ipi6_addr, message.source.bytes().data(), 16);
        controls.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    if (message.hop_limit && is_ipv4)
        controls.add(IPPROTO_IP, IP_TTL, static_cast<int>(*message.hop_limit));
    else if (message.hop_limit)
        controls.add(IPPROTO_IPV6, IPV6_HOPLIMIT, static_cast<int>(*message.hop_limit));
    const int fd = sockets_[index_of({message.protocol, message.target.family()})].native_handle();
    return ::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? last_error()
                                                                   : std::error_code{};
}

void ProbeSockets::wait(std::size_t which) {
    sockets_[which].async_wait(asio::posix::stream_descriptor::wait_read,
                               [this, which](const asio::error_code& error) {
                                   if (error)
                                       return;  // the loop is going down
                                   drain(which);
                                   wait(which);
                               });
}

void ProbeSockets::drain(std::size_t which) {
    const auto [protocol, family] = which_of(which);
    const int fd = sockets_[which].native_handle();
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
        ProbeReply reply;
        reply.protocol = protocol;
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
