// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/netlink.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace detour::mirror {

namespace {

constexpr int receive_buffer_size = 128 << 20;
constexpr std::size_t datagram_size = 64 << 10;

constexpr std::array groups{RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                            RTNLGRP_NEIGH,      RTNLGRP_NEXTHOP,     RTNLGRP_IPV4_ROUTE,
                            RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE};

std::expected<int, std::string> open_socket() {
    const int descriptor =
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (descriptor < 0)
        return std::unexpected(fmt::format("rtnetlink socket: {}", std::strerror(errno)));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        auto message = fmt::format("binding the rtnetlink socket: {}", std::strerror(errno));
        close(descriptor);
        return std::unexpected(std::move(message));
    }
    return descriptor;
}

int address_family(Family family) {
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

std::uint8_t family_or_any(const Dump& dump) {
    return static_cast<std::uint8_t>(dump.family ? address_family(*dump.family) : AF_UNSPEC);
}

// A message under construction: the fixed header of its type, then attributes.
class Request {
 public:
    Request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
        : head_(mnl_nlmsg_put_header(storage_.data())) {
        head_->nlmsg_type = type;
        head_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        head_->nlmsg_seq = sequence;
    }
    template <class Header>
    Header& header() {
        return *static_cast<Header*>(mnl_nlmsg_put_extra_header(head_, sizeof(Header)));
    }
    void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(head_, type, value); }
    void put(std::uint16_t type, std::span<const std::uint8_t> bytes) {
        mnl_attr_put(head_, type, bytes.size(), bytes.data());
    }
    [[nodiscard]] std::vector<std::uint8_t> bytes() const {
        const auto* start = reinterpret_cast<const std::uint8_t*>(head_);
        return {start, start + head_->nlmsg_len};
    }

 private:
    alignas(nlmsghdr) std::array<std::uint8_t, 256> storage_{};
    nlmsghdr* head_;
};

}  // namespace

NetlinkSocket::NetlinkSocket(int descriptor)
    : descriptor_(descriptor), buffer_(datagram_size / sizeof(std::uint64_t)) {}

NetlinkSocket::NetlinkSocket(NetlinkSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

NetlinkSocket::~NetlinkSocket() {
    if (descriptor_ >= 0)
        close(descriptor_);
}

std::expected<NetlinkSocket, std::string> NetlinkSocket::for_events() {
    const auto descriptor = open_socket();
    if (!descriptor)
        return std::unexpected(descriptor.error());
    NetlinkSocket result(*descriptor);
    // The forced option needs CAP_NET_ADMIN; without it we get net.core.rmem_max, and overruns are
    // survived anyway.
    const int size = receive_buffer_size;
    if (setsockopt(*descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(*descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    for (const int group : groups)
        if (setsockopt(*descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
            return std::unexpected(
                fmt::format("subscribing to rtnetlink group {}: {}", group, std::strerror(errno)));
    return result;
}

std::expected<NetlinkSocket, std::string> NetlinkSocket::for_requests() {
    const auto descriptor = open_socket();
    if (!descriptor)
        return std::unexpected(descriptor.error());
    NetlinkSocket result(*descriptor);
    const int on = 1;
    if (setsockopt(*descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on) < 0)
        return std::unexpected(fmt::format(
            "strict rtnetlink dumps (Linux 4.20 or later needed): {}", std::strerror(errno)));
    return result;
}

Arrival NetlinkSocket::receive(std::span<const std::uint8_t>& bytes) {
    const ssize_t size =
        recv(descriptor_, buffer_.data(), buffer_.size() * sizeof(std::uint64_t), 0);
    if (size >= 0) {
        bytes = {reinterpret_cast<const std::uint8_t*>(buffer_.data()),
                 static_cast<std::size_t>(size)};
        return Arrival::bytes;
    }
    if (errno == EAGAIN || errno == EINTR)
        return Arrival::nothing;
    return errno == ENOBUFS ? Arrival::overrun : Arrival::failure;
}

bool NetlinkSocket::send(std::span<const std::uint8_t> message) const {
    return ::send(descriptor_, message.data(), message.size(), 0) ==
           static_cast<ssize_t>(message.size());
}

std::vector<std::uint8_t> dump_request(const Dump& dump, std::uint32_t sequence) {
    switch (dump.kind) {
        case Kind::links: {
            Request request(RTM_GETLINK, NLM_F_DUMP, sequence);
            request.header<ifinfomsg>();
            return request.bytes();
        }
        case Kind::addresses: {
            Request request(RTM_GETADDR, NLM_F_DUMP, sequence);
            request.header<ifaddrmsg>();
            return request.bytes();
        }
        case Kind::neighbours: {
            Request request(RTM_GETNEIGH, NLM_F_DUMP, sequence);
            request.header<ndmsg>();
            if (dump.device)
                request.put(NDA_IFINDEX, dump.device->value);
            return request.bytes();
        }
        case Kind::nexthops: {
            Request request(RTM_GETNEXTHOP, NLM_F_DUMP, sequence);
            request.header<nhmsg>();
            if (dump.device)
                request.put(NHA_OIF, dump.device->value);
            return request.bytes();
        }
        case Kind::rules: {
            Request request(RTM_GETRULE, NLM_F_DUMP, sequence);
            request.header<fib_rule_hdr>().family = family_or_any(dump);
            return request.bytes();
        }
        case Kind::routes:
            break;
    }
    Request request(RTM_GETROUTE, NLM_F_DUMP, sequence);
    request.header<rtmsg>().rtm_family = family_or_any(dump);
    if (dump.device)
        request.put(RTA_OIF, dump.device->value);
    if (dump.table)
        request.put(RTA_TABLE, dump.table->value);
    return request.bytes();
}

std::vector<std::uint8_t> neighbour_request(const NeighbourKey& key, NeighbourWish wish,
                                            std::uint32_t sequence) {
    const std::uint16_t existing = wish == NeighbourWish::discover ? NLM_F_EXCL : NLM_F_REPLACE;
    Request request(RTM_NEWNEIGH, static_cast<std::uint16_t>(NLM_F_CREATE | existing), sequence);
    auto& header = request.header<ndmsg>();
    header.ndm_family = static_cast<std::uint8_t>(address_family(key.address.family()));
    header.ndm_ifindex = static_cast<int>(key.interface.value);
    header.ndm_state = NUD_NONE;
    header.ndm_flags = wish == NeighbourWish::use ? NTF_USE : 0;
    request.put(NDA_DST, key.address.bytes());
    if (wish != NeighbourWish::use)
        request.put(NDA_FLAGS_EXT, NTF_EXT_MANAGED);
    return request.bytes();
}

}  // namespace detour::mirror
