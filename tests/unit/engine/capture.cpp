// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The parts of a capture that need no port: the ring, the view into a tunnel, the filter's check.
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <random>

#include "dataplane/engine/capture/byte_ring.h"
#include "dataplane/engine/capture/tap.h"
#include "dataplane/engine/capture/tunnel_view.h"
#include "tests/unit/hex.h"

using namespace detour;
using namespace detour::engine;
using program::capture::Direction;
using program::capture::Instruction;
using test::bytes_of;

namespace {

bool write(ByteRing& ring, std::uint32_t size, std::uint8_t mark) {
    std::uint8_t* const room = ring.reserve(size);
    if (room == nullptr)
        return false;
    std::memset(room, mark, size);
    std::memcpy(room, &size, sizeof size);
    ring.commit();
    return true;
}

const TunnelView tunnel{*Address::parse("192.0.2.66"), *Address::parse("192.0.2.65"), 7};
const std::string ethernet = "02005e005301 02005e005302 ";
const std::string out_to = "c0000242 c0000241 ";
const std::string in_from = "c0000241 c0000242 ";
const std::string inner = "4500 0014 0000 0000 4011 0000 c633640a cb007109";

std::string outer(std::string_view size) {
    return "4500 " + std::string(size) + " 0000 4000 402f 0000 ";
}

std::size_t seen(const TunnelView& view, std::string_view hex, Direction direction) {
    const auto frame = bytes_of(hex);
    return view.inner(frame, direction).size();
}

}  // namespace

TEST_CASE("the ring gives records back in order, in one piece, around its end many times") {
    ByteRing ring(1024);
    std::deque<std::pair<std::uint32_t, std::uint8_t>> expected;
    std::minstd_rand random(1);
    std::size_t refused = 0;
    for (int i = 0; i < 20000; ++i) {
        const auto size = static_cast<std::uint32_t>(8 + random() % 30 * 8);
        const auto mark = static_cast<std::uint8_t>(random());
        if (write(ring, size, mark))
            expected.emplace_back(size, mark);
        else
            ++refused;
        if (random() % 3 != 0 && !expected.empty()) {
            const auto record = ring.front();
            REQUIRE(record.size() == expected.front().first);
            if (record.size() > 4)
                REQUIRE(record.back() == expected.front().second);
            ring.pop();
            expected.pop_front();
        }
    }
    CHECK(refused > 0);
    for (; !expected.empty(); expected.pop_front(), ring.pop())
        REQUIRE(ring.front().size() == expected.front().first);
    CHECK(ring.front().empty());
}

TEST_CASE("a full ring refuses and keeps what it has") {
    ByteRing ring(64);
    CHECK(write(ring, 40, 1));
    CHECK_FALSE(write(ring, 32, 2));
    CHECK(write(ring, 24, 3));
    CHECK_FALSE(write(ring, 8, 4));
    CHECK(ring.front().back() == 1);
    ring.pop();
    CHECK(ring.front().back() == 3);
    CHECK(write(ring, 40, 5));
}

TEST_CASE("a tunnel's packets are seen inside its GRE, by direction, ends and key") {
    const std::string keyed = outer("0030") + out_to + "2000 0800 00000007 " + inner;
    CHECK(seen(tunnel, ethernet + "0800 " + keyed, Direction::out) == 20);
    CHECK(seen(tunnel, ethernet + "0800 " + keyed, Direction::in) == 0);
    CHECK(seen(tunnel, ethernet + "8100 0064 0800 " + keyed, Direction::out) == 20);
    CHECK(seen(tunnel, ethernet + "0800 " + outer("0030") + in_from + "2000 0800 00000007 " + inner,
               Direction::in) == 20);
    // Another key, none, and another end.
    CHECK(seen(tunnel, ethernet + "0800 " + outer("0030") + out_to + "2000 0800 00000008 " + inner,
               Direction::out) == 0);
    CHECK(seen(tunnel, ethernet + "0800 " + outer("002c") + out_to + "0000 0800 " + inner,
               Direction::out) == 0);
    CHECK(seen(tunnel,
               ethernet + "0800 " + outer("0030") + "c0000242 c0000249 2000 0800 00000007 " + inner,
               Direction::out) == 0);
    // Checksum and sequence number stand around the key; padding behind the packet is not in it.
    CHECK(seen(tunnel,
               ethernet + "0800 " + outer("0038") + out_to +
                   "b000 0800 00000000 00000007 00000001 " + inner + " 0000 0000",
               Direction::out) == 20);
    // Not IP inside, a later fragment, another protocol.
    CHECK(seen(tunnel, ethernet + "0800 " + outer("0030") + out_to + "2000 6558 00000007 " + inner,
               Direction::out) == 0);
    CHECK(seen(tunnel,
               ethernet + "0800 4500 0030 0000 0010 402f 0000 " + out_to + "2000 0800 00000007 " +
                   inner,
               Direction::out) == 0);
}

TEST_CASE("a tunnel over IPv6 is seen, with and without an encapsulation limit") {
    const TunnelView six{*Address::parse("2001:db8::66"), *Address::parse("2001:db8::65"), {}};
    const std::string ends = "20010db8000000000000000000000066 20010db8000000000000000000000065 ";
    CHECK(seen(six, ethernet + "86dd 60000000 0018 2f 40 " + ends + "0000 0800 " + inner,
               Direction::out) == 20);
    CHECK(seen(six,
               ethernet + "86dd 60000000 0020 3c 40 " + ends + "2f00 0401 04010100 0000 0800 " +
                   inner,
               Direction::out) == 20);
}

TEST_CASE("whatever a frame holds, nothing beyond it is read") {
    const auto whole =
        bytes_of(ethernet + "0800 " + outer("0030") + out_to + "2000 0800 00000007 " + inner);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const std::vector<std::uint8_t> cut(whole.begin(),
                                            whole.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK(tunnel.inner(cut, Direction::out).size() <= size);
    }
}

TEST_CASE("a filter that could hurt is not run") {
    constexpr std::uint16_t jump = 0x05;
    constexpr std::uint16_t ret = 0x06;
    constexpr std::uint16_t store = 0x02;
    CHECK(is_sound({}));
    CHECK(is_sound(std::vector<Instruction>{{ret, 0, 0, 1}}));
    CHECK_FALSE(is_sound(std::vector<Instruction>{{jump, 0, 0, 100}, {ret, 0, 0, 1}}));
    CHECK_FALSE(is_sound(std::vector<Instruction>{{store, 0, 0, 16}, {ret, 0, 0, 1}}));
    CHECK_FALSE(is_sound(std::vector<Instruction>{{0, 0, 0, 0}}));
}
