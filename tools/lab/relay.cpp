// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/lab/relay.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tools/lab/endpoint.h"

namespace detour::lab {

namespace {

constexpr std::size_t largest_frame = 65536;

Descriptor packet_socket(const std::string& interface) {
    Descriptor descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (descriptor.number() < 0 || address.sll_ifindex == 0 ||
        ::bind(descriptor.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0)
        throw_errno(interface.c_str());
    packet_mreq everything{};
    everything.mr_ifindex = address.sll_ifindex;
    everything.mr_type = PACKET_MR_PROMISC;
    ::setsockopt(descriptor.number(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything,
                 sizeof everything);
    const int size = 16 << 20;
    ::setsockopt(descriptor.number(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return descriptor;
}

// All that waits at one end, but not what this host itself sent there.
void take_in(const Descriptor& socket, Side side, Cable& cable) {
    static std::array<std::uint8_t, largest_frame> buffer;
    while (true) {
        sockaddr_ll from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(socket.number(), buffer.data(), buffer.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size <= 0)
            return;
        if (from.sll_pkttype != PACKET_OUTGOING)
            cable.put(side, Bytes(buffer.begin(), buffer.begin() + size), now());
    }
}

}  // namespace

bool Cable::happens(double share) {
    return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

void Cable::put(Side from, Bytes frame, Instant now) {
    if (happens(options_.loss)) {
        ++lost_count_;
        return;
    }
    const Side to = from == Side::left ? Side::right : Side::left;
    if (happens(options_.duplicate)) {
        ++duplicate_count_;
        schedule(to, frame, now);
    }
    schedule(to, std::move(frame), now);
}

void Cable::schedule(Side to, Bytes frame, Instant now) {
    Duration delay = options_.delay;
    if (options_.jitter > Duration{})
        delay += Duration(
            std::uniform_int_distribution<std::int64_t>(0, options_.jitter.count())(random_));
    queue_.push({number_++, Delivery{now + delay, to, std::move(frame)}});
}

std::optional<Instant> Cable::next_deadline() const {
    if (queue_.empty())
        return std::nullopt;
    return queue_.top().second.due;
}

std::optional<Delivery> Cable::take(Instant now) {
    if (queue_.empty() || queue_.top().second.due > now)
        return std::nullopt;
    Delivery delivery = queue_.top().second;
    queue_.pop();
    ++passed_count_;
    return delivery;
}

std::string run_relay(const RelayOptions& options) {
    const std::array<Descriptor, 2> sockets{packet_socket(options.left),
                                            packet_socket(options.right)};
    come_first();
    Cable cable(options);
    while (is_stopping == 0) {
        std::array<pollfd, 2> entries{pollfd{sockets[0].number(), POLLIN, 0},
                                      pollfd{sockets[1].number(), POLLIN, 0}};
        Duration wait = std::chrono::milliseconds(100);
        if (const auto deadline = cable.next_deadline())
            wait = std::clamp(*deadline - now(), Duration{}, wait);
        const timespec limit{.tv_sec = 0, .tv_nsec = std::min<long>(wait.count(), 999'999'999)};
        ::ppoll(entries.data(), entries.size(), &limit, nullptr);
        take_in(sockets[0], Side::left, cable);
        take_in(sockets[1], Side::right, cable);
        while (const auto delivery = cable.take(now()))
            ::send(sockets[delivery->to == Side::left ? 0 : 1].number(), delivery->frame.data(),
                   delivery->frame.size(), 0);
    }
    return nlohmann::ordered_json{{"passed", cable.passed_count()},
                                  {"lost", cable.lost_count()},
                                  {"duplicates", cable.duplicate_count()}}
        .dump();
}

}  // namespace detour::lab
