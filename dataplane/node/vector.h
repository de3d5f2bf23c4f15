// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the nodes hand to each other: the packets of one burst, sorted into lanes. A worker has one
// set of lanes and fills it anew for every burst; nothing here is shared between threads.
//
// The way of a burst (pipeline.h runs it), for what the express (express.h) does not take:
//     receive -> classify -+-> [ipv4] --------+-> route -+-> rewrite -+-> transmit
//                          +-> [gre] -> decap-+          +-> encap ---+
//                          +-> [ipv6] --------+          +-> punt | drop
// An mbuf is left as it came in until rewrite or encap put a header before its packet, so that a
// punt hands the kernel the original frame (design.md 2.4).
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "conf/types/ids.h"
#include "dataplane/fib/forwarding_state.h"

struct rte_mbuf;

namespace detour::node {

// Packets that go through the nodes at once: enough to hide memory latency, few enough that lanes
// and headers stay in the first-level cache (64 cost 3 to 6 % more, forwarding and encapsulating).
inline constexpr std::size_t vector_size = 32;

// The interface by which a packet came in: a port (a frame) or a tunnel (a packet taken out of its
// GRE). It chooses the routing program, and the twin that a punt goes to.
class Origin {
 public:
    constexpr Origin() = default;
    constexpr explicit Origin(PortId port) : code_(port.value) {}
    constexpr explicit Origin(fib::TunnelIndex tunnel)
        : code_(static_cast<std::uint16_t>(tunnel.value | tunnel_bit)) {}
    [[nodiscard]] static constexpr Origin from_code(std::uint16_t code) {
        Origin origin;
        origin.code_ = code;
        return origin;
    }

    [[nodiscard]] constexpr bool is_tunnel() const { return (code_ & tunnel_bit) != 0; }
    [[nodiscard]] constexpr std::uint16_t index() const {
        return static_cast<std::uint16_t>(code_ & ~tunnel_bit);
    }
    // Fits into an mbuf's field, for the way through a ring.
    [[nodiscard]] constexpr std::uint16_t code() const { return code_; }

    friend constexpr bool operator==(const Origin&, const Origin&) = default;

 private:
    static constexpr std::uint16_t tunnel_bit = 0x8000;

    std::uint16_t code_ = 0;
};

// Where a packet came in, as the kernel's forwarding state describes it.
[[nodiscard]] inline const fib::Ingress& ingress_of(const fib::ForwardingState& state,
                                                    Origin origin) {
    return origin.is_tunnel() ? state.tunnels[origin.index()] : state.ports[origin.index()];
}

struct Packet {
    rte_mbuf* mbuf = nullptr;
    std::uint8_t* ip = nullptr;  // the header to route by: the frame's, or the one inside GRE
    std::uint16_t size = 0;      // of the IP packet, without Ethernet padding
    Origin origin;
    fib::LeafIndex leaf = fib::no_leaf;  // route: what the tables said
    std::uint16_t adjacency = 0;         // route: the next hop chosen

    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {ip, size}; }
};
static_assert(sizeof(Packet) == 24);

class Lane {
 public:
    void clear() { count_ = 0; }
    void push(const Packet& packet) {
        assert(count_ < vector_size);
        packets_[count_++] = packet;
    }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] std::span<Packet> packets() { return {packets_.data(), count_}; }

 private:
    std::array<Packet, vector_size> packets_;
    std::size_t count_ = 0;
};

// One burst, sorted by what is to be done next.
struct Lanes {
    std::array<Lane, 2> by_family;  // to be routed
    Lane gre;                       // packets that are GRE, or may be GRE to us

    [[nodiscard]] Lane& of(Family family) { return by_family[static_cast<std::size_t>(family)]; }
    void clear() {
        for (Lane& lane : by_family)
            lane.clear();
        gre.clear();
    }
};

// Positions in a lane, of the packets that one node is to work on.
class Selection {
 public:
    void push(std::size_t position) { positions_[count_++] = static_cast<std::uint8_t>(position); }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::span<const std::uint8_t> positions() const {
        return {positions_.data(), count_};
    }

 private:
    std::array<std::uint8_t, vector_size> positions_;
    std::size_t count_ = 0;
};

}  // namespace detour::node
