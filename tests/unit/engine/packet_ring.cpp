// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The ring between a driver and a kernel, both played: the kernel stops at what it refuses, as
// tpacket_snd() does, and skips what is malformed.
#include "dataplane/engine/port/packet_ring.h"

#include <doctest/doctest.h>
#include <linux/if_packet.h>

#include <vector>

using namespace detour::engine;

namespace {

constexpr RingShape shape{.frame_size = 2048, .frame_count = 8, .block_size = 4096};
constexpr std::uint64_t patience = PacketRing::patience;

struct Bench {
    // Whether the driver had a free slot.
    bool put(std::uint32_t size) {
        tpacket2_hdr& header = at(next);
        if (header.tp_status == TP_STATUS_AVAILABLE) {
            header.tp_len = size;
            header.tp_status = TP_STATUS_SEND_REQUEST;
            ++next;
            ring.put(1);
            (void)send();
            return true;
        }
        (void)send();
        return false;
    }
    bool send() {
        if (is_down)
            return false;
        for (;; ++head) {
            tpacket2_hdr& header = at(head);
            if (header.tp_status != TP_STATUS_SEND_REQUEST)
                return false;
            if (header.tp_len >= 14) {
                if (is_busy || header.tp_len > mtu)
                    return true;
                sent.push_back(header.tp_len);
            }
            header.tp_status = TP_STATUS_AVAILABLE;
        }
    }
    tpacket2_hdr& at(std::size_t number) {
        return *reinterpret_cast<tpacket2_hdr*>(memory.data() +
                                                number % shape.frame_count * shape.frame_size);
    }

    std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(shape.bytes());
    std::uint32_t mtu = 1400;
    bool is_busy = false;
    bool is_down = false;
    std::size_t next = 0;
    std::size_t head = 0;
    std::vector<std::uint32_t> sent;
    PacketRing ring{memory, shape, [this] { return send(); }};
};

}  // namespace

TEST_CASE("what the kernel takes at once is not looked at further") {
    Bench bench;
    for (std::uint32_t size = 60; size < 100; ++size) {
        REQUIRE(bench.put(size));
        const auto look = bench.ring.look(0);
        CHECK_FALSE(look.is_waiting);
        CHECK(look.refused == 0);
    }
    CHECK(bench.sent.size() == 40);
}

TEST_CASE(
    "a frame that is refused is dropped after a moment, and the others leave in their order") {
    Bench bench;
    std::uint64_t now = 1;
    for (const std::uint32_t size : {60U, 1500U, 61U, 62U, 1501U, 63U})
        REQUIRE(bench.put(size));
    CHECK(bench.ring.look(now).is_waiting);
    now += patience - 1;
    CHECK(bench.ring.look(now).is_waiting);
    CHECK(bench.sent == std::vector<std::uint32_t>{60});
    const auto look = bench.ring.look(now + 1);
    CHECK(look.refused == 2);
    CHECK_FALSE(look.is_waiting);
    CHECK(bench.sent == std::vector<std::uint32_t>{60, 61, 62, 63});
    CHECK(bench.ring.refused().count == 2);
    CHECK(bench.ring.refused().size == 1501);
    // And on it goes, round the ring.
    for (std::uint32_t size = 70; size < 90; ++size) {
        REQUIRE(bench.put(size));
        CHECK_FALSE(bench.ring.look(now).is_waiting);
    }
    CHECK(bench.sent.back() == 89);
}

TEST_CASE("a ring full of what is refused is emptied") {
    Bench bench;
    for (std::size_t i = 0; i < shape.frame_count; ++i)
        REQUIRE(bench.put(1500));
    REQUIRE_FALSE(bench.put(60));
    CHECK(bench.ring.look(1).is_waiting);
    CHECK(bench.ring.look(1 + patience).refused == shape.frame_count);
    REQUIRE(bench.put(60));
    CHECK(bench.sent == std::vector<std::uint32_t>{60});
}

TEST_CASE("a device that is busy for less than that loses nothing") {
    Bench bench;
    bench.is_busy = true;
    for (const std::uint32_t size : {60U, 61U, 62U})
        REQUIRE(bench.put(size));
    CHECK(bench.ring.look(1).is_waiting);
    bench.is_busy = false;
    REQUIRE(bench.put(63));
    CHECK_FALSE(bench.ring.look(1 + patience).is_waiting);
    CHECK(bench.sent == std::vector<std::uint32_t>{60, 61, 62, 63});
    // Nor when only our own request finds it ready.
    bench.is_busy = true;
    REQUIRE(bench.put(64));
    CHECK(bench.ring.look(2 + patience).is_waiting);
    bench.is_busy = false;
    CHECK(bench.ring.look(2 + 2 * patience).refused == 0);
    CHECK(bench.sent.back() == 64);
}

TEST_CASE("an interface that is down is not waited for, and loses nothing that is in the ring") {
    Bench bench;
    bench.is_down = true;
    REQUIRE(bench.put(60));
    CHECK(bench.ring.look(1).is_waiting);
    for (std::uint64_t round = 1; round < 10; ++round) {
        const auto look = bench.ring.look(1 + round * patience);
        CHECK_FALSE(look.is_waiting);
        CHECK(look.refused == 0);
        CHECK_FALSE(bench.ring.look(2 + round * patience).is_waiting);
    }
    bench.is_down = false;
    REQUIRE(bench.put(61));
    CHECK_FALSE(bench.ring.look(20 * patience).is_waiting);
    CHECK(bench.sent == std::vector<std::uint32_t>{60, 61});
}

TEST_CASE("the ring is laid out as the driver was told") {
    const auto usual = ring_shape(*DeviceName::parse("net_af_packet0,iface=e"), 1500);
    CHECK(usual.frame_size == 2048);
    CHECK(usual.frame_count == 2048);
    CHECK(usual.bytes() == 4U << 20U);
    const auto jumbo = ring_shape(*DeviceName::parse("net_af_packet0,iface=e"), 9000);
    CHECK(jumbo.frame_size == 16384);
    CHECK(jumbo.block_size == 16384);
    CHECK(jumbo.bytes() == jumbo.frame_count * 16384);
    const auto own = ring_shape(
        *DeviceName::parse("net_af_packet0,iface=e,framesz=4096,blocksz=8192,framecnt=64"), 1500);
    CHECK(own.frame_count == 64);
    CHECK(own.bytes() == 64 * 4096);
}
