// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What rewrite and encap share: may this packet take this next hop, the step from one hop to the
// next in its own header, and the end of the work on its buffer. Internal to the room.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "dataplane/fib/forwarding_state.h"
#include "dataplane/node/counters.h"
#include "dataplane/node/vector.h"
#include "dataplane/packet/finding.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/tcp_mss.h"

namespace detour::node {

// RFC 1812 5.2.3 and RFC 8200 3: the hop count is looked at before the size. Nothing is changed, so
// that a punt shows the kernel what came in.
template <class Header>
[[nodiscard]] inline packet::Finding check_step(const Header& header, const Packet& packet,
                                                const fib::Adjacency& next) {
    if (!packet::may_forward(header))
        return packet::Punt::ttl_exceeded;
    if (packet.size > next.mtu)
        return packet::Punt::too_big;
    return {};
}

inline void take_step(packet::Ipv4Header& header) {
    packet::decrement_ttl(header);
}
inline void take_step(packet::Ipv6Header& header) {
    packet::decrement_hop_limit(header);
}

[[nodiscard]] inline std::uint8_t traffic_class_of(const packet::Ipv4Header& header) {
    return header.traffic_class;
}
[[nodiscard]] inline std::uint8_t traffic_class_of(const packet::Ipv6Header& header) {
    return header.traffic_class();
}

// Lowers the segment size in a TCP SYN to what fits the tunnel that it goes into or came out of.
template <class Header>
inline void clamp_syn(Header& header, const Packet& packet, const fib::Adjacency& tunnel) {
    constexpr Family family =
        std::is_same_v<Header, packet::Ipv4Header> ? Family::ipv4 : Family::ipv6;
    const std::uint16_t fitting = packet::segment_size(tunnel.mtu, family);
    packet::clamp_mss({reinterpret_cast<std::uint8_t*>(&header + 1), packet.size - sizeof header},
                      std::min(fitting, tunnel.mss));
}

// The buffer now holds a frame that starts at `frame`.
inline void set_frame(rte_mbuf* mbuf, const std::uint8_t* frame, std::size_t size) {
    mbuf->data_off =
        static_cast<std::uint16_t>(frame - static_cast<const std::uint8_t*>(mbuf->buf_addr));
    mbuf->data_len = static_cast<std::uint16_t>(size);
    mbuf->pkt_len = static_cast<std::uint32_t>(size);
}

// Packets in a row that took the same next hop, counted together.
class NextHopRun {
 public:
    explicit NextHopRun(CounterPages& counters) : counters_(counters) {}
    ~NextHopRun() { end(); }
    NextHopRun(const NextHopRun&) = delete;
    NextHopRun& operator=(const NextHopRun&) = delete;

    void add(std::uint16_t adjacency, std::uint16_t size) {
        if (adjacency != adjacency_) {
            end();
            adjacency_ = adjacency;
        }
        ++count_;
        bytes_ += size;
    }

 private:
    void end() {
        if (count_ != 0)
            counters_[adjacency_].add(count_, bytes_);
        count_ = 0;
        bytes_ = 0;
    }

    CounterPages& counters_;
    std::uint16_t adjacency_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace detour::node
