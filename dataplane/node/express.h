// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The short way of ordinary packets, which are nearly all: admitted by one look, opened if they are
// plain GRE to us, looked up, and sent in runs that share a next hop. Whatever is not ordinary
// (packet/ordinary.h), has no answer or no usable next hop, is too large, or belongs to a tunnel
// that is more than plain, is left to the other nodes: nothing of it was sent or counted. They give
// every drop and punt its name and know all features; a feature becomes known here only if it is
// worth its cycles.
//
//     frames -> admit -> look up -> send -> transmit
//                 |         |         |
//                 +---------+---------+--> classify ... (vector.h)
//
// What is left may be forwarded all the same, later: packets of its flow that came behind it are
// left with it, so that a flow keeps its order.
//
// The two ways agree on every packet: tests/unit/node/express.cpp compares them, octets and
// counters, on packets made at random.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "conf/types/address.h"
#include "dataplane/node/context.h"
#include "dataplane/node/vector.h"

namespace detour::node {

class Express {
 public:
    // At most vector_size frames that came in by `port`. Those that are left, in their order, good
    // until the next call.
    [[nodiscard]] std::span<rte_mbuf* const> work(Context& context, PortId port,
                                                  std::span<rte_mbuf* const> frames);

 private:
    // An ordinary packet: what follows Ethernet, or was inside GRE.
    struct Traveller {
        rte_mbuf* mbuf;
        std::uint8_t* ip;
        std::uint16_t size;
        Origin origin;
        std::uint16_t position;  // in the burst
        fib::LeafIndex leaf;
    };
    struct Coach {
        std::array<Traveller, vector_size> seats;
        std::size_t count = 0;

        [[nodiscard]] std::span<Traveller> travellers() { return {seats.data(), count}; }
    };
    template <Family family>
    class Sending;

    void admit(const Context& context, PortId port, std::span<rte_mbuf* const> frames);
    void check_sources(const fib::ForwardingState& state, PortId port);
    void keep_order(std::span<rte_mbuf* const> frames);
    template <Family family>
    void look_up(const fib::ForwardingState& state);
    template <Family family>
    void send(Context& context);
    void leave(std::size_t position) { is_left_ |= std::uint64_t{1} << position; }

    // It was admitted, and is to go the long way: as it came in.
    void leave_behind(const Traveller& packet);

    std::array<Coach, 2> coaches_;  // by Family

    std::array<rte_mbuf*, vector_size> left_;
    std::uint64_t bytes_ = 0;    // of frames that were admitted and not left
    std::uint64_t is_left_ = 0;  // by position in the burst
    static_assert(vector_size <= 64);
};

}  // namespace detour::node
