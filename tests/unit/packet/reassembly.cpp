// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/reassembly.h"

#include <algorithm>
#include <random>

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using namespace detour::packet::test;
using detour::Bytes;

namespace {

using Held = Reassembly::Held;
using Whole = Reassembly::Whole;

constexpr Reassembly::Limits usual{.entries = 16, .bytes = 65536, .largest = 2048};
constexpr std::uint64_t second = 1'000'000'000;

Bytes octets(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::uint8_t>(i * 7);
    return bytes;
}

Bytes piece(std::uint16_t id, const Bytes& load, std::size_t offset, std::size_t end,
            std::uint8_t traffic_class = 0) {
    const auto more = end < load.size() ? Ipv4Header::more_fragments : 0U;
    return Ipv4{.traffic_class = traffic_class,
                .identification = id,
                .fragment = static_cast<std::uint16_t>(more | offset / 8),
                .protocol = protocol::gre,
                .payload = Bytes(load.begin() + static_cast<std::ptrdiff_t>(offset),
                                 load.begin() + static_cast<std::ptrdiff_t>(end))}
        .bytes();
}

bool is_held(const Reassembly::Outcome& outcome) {
    return std::holds_alternative<Held>(outcome);
}
bool is_dropped(const Reassembly::Outcome& outcome, Drop reason) {
    const Drop* found = std::get_if<Drop>(&outcome);
    return found != nullptr && *found == reason;
}
Bytes whole(const Reassembly::Outcome& outcome) {
    const Whole* found = std::get_if<Whole>(&outcome);
    REQUIRE(found != nullptr);
    return {found->begin(), found->end()};
}

}  // namespace

TEST_CASE("fragments in any order are the packet that they were") {
    std::mt19937 random(7);
    Reassembly reassembly(usual);
    for (std::uint16_t id = 0; id < 500; ++id) {
        const Bytes load = octets(9 + random() % 1900);
        const Bytes expected =
            Ipv4{.identification = id, .protocol = protocol::gre, .payload = load}.bytes();
        std::vector<Bytes> pieces;
        for (std::size_t at = 0; at < load.size();) {
            const std::size_t end = std::min(load.size(), at + 8 * (1 + random() % 40));
            pieces.push_back(piece(id, load, at, end));
            at = end;
        }
        std::ranges::shuffle(pieces, random);
        const Bytes last = pieces.back();
        pieces.pop_back();
        for (const Bytes& one : pieces)
            CHECK(is_held(reassembly.add(one, id)));
        CHECK(whole(reassembly.add(last, id)) == expected);
        CHECK(reassembly.is_empty());
    }
}

TEST_CASE("RFC 3168 5.3: congestion that one fragment met the whole packet met") {
    Reassembly reassembly(usual);
    const Bytes load = octets(100);
    CHECK(is_held(reassembly.add(piece(1, load, 0, 64, 0x02), 0)));
    const Bytes bytes = whole(reassembly.add(piece(1, load, 64, 100, 0x03), 0));
    CHECK(bytes[1] == 0x03);
    CHECK(bytes ==
          Ipv4{.traffic_class = 3, .identification = 1, .protocol = protocol::gre, .payload = load}
              .bytes());
}

TEST_CASE("RFC 5722 3: what overlaps with other octets spoils its packet, a repetition does not") {
    Reassembly reassembly(usual);
    const Bytes load = octets(100);
    CHECK(is_held(reassembly.add(piece(1, load, 0, 64), 0)));
    CHECK(is_held(reassembly.add(piece(1, load, 0, 64), 0)));
    CHECK(whole(reassembly.add(piece(1, load, 64, 100), 0)).size() == 120);
    CHECK(is_held(reassembly.add(piece(2, load, 0, 64), 0)));
    CHECK(is_dropped(reassembly.add(piece(2, Bytes(100), 8, 16), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
    CHECK(is_held(reassembly.add(piece(3, load, 0, 64), 0)));
    CHECK(is_dropped(reassembly.add(piece(3, load, 56, 72), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
}

TEST_CASE("pieces of no packet") {
    Reassembly reassembly(usual);
    const Bytes load = octets(100);
    CHECK(is_dropped(reassembly.add(piece(1, load, 0, 63), 0), Drop::fragment_bad));
    CHECK(is_dropped(reassembly.add(piece(1, load, 64, 64), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
    CHECK(is_held(reassembly.add(piece(2, load, 64, 100), 0)));
    CHECK(is_dropped(reassembly.add(piece(2, octets(200), 104, 112), 0), Drop::fragment_bad));
    CHECK(is_held(reassembly.add(piece(3, octets(200), 104, 112), 0)));
    CHECK(is_dropped(reassembly.add(piece(3, load, 64, 100), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
    // The ping of death: an end beyond any packet, and beyond what is allowed.
    const Bytes far = Ipv4{.fragment = 0x1fff, .protocol = 47, .payload = Bytes(100)}.bytes();
    CHECK(is_dropped(reassembly.add(far, 0), Drop::fragment_bad));
    CHECK(is_dropped(reassembly.add(piece(4, octets(3000), 2000, 2048), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
    // A long header comes last, and the whole is larger than it may be.
    const Bytes near = octets(2020);
    CHECK(is_held(reassembly.add(piece(5, near, 64, 2020), 0)));
    Ipv4 first{.identification = 5,
               .fragment = Ipv4Header::more_fragments,
               .protocol = protocol::gre,
               .options = Bytes(40, 1),
               .payload = Bytes(near.begin(), near.begin() + 64)};
    CHECK(is_dropped(reassembly.add(first.bytes(), 0), Drop::fragment_bad));
    CHECK(reassembly.is_empty());
}

TEST_CASE("what has waited for a second is given up, and counted by fragments") {
    Reassembly reassembly(usual);
    const Bytes load = octets(100);
    CHECK(is_held(reassembly.add(piece(1, load, 0, 32), 10)));
    CHECK(is_held(reassembly.add(piece(1, load, 32, 64), second)));
    CHECK(is_held(reassembly.add(piece(2, load, 0, 32), second)));
    CHECK(reassembly.expire(second + 9) == 0);
    CHECK(reassembly.expire(second + 10) == 2);
    CHECK_FALSE(reassembly.is_empty());
    CHECK(reassembly.expire(2 * second) == 1);
    CHECK(reassembly.is_empty());
    CHECK(reassembly.expire(3 * second) == 0);
}

TEST_CASE("no more packets than allowed wait, and no more octets") {
    Reassembly few({.entries = 8, .bytes = 65536, .largest = 2048});
    const Bytes load = octets(1000);
    std::size_t held = 0;
    for (std::uint16_t id = 0; id < 100; ++id)
        held += is_held(few.add(piece(id, load, 0, 800), 0)) ? 1 : 0;
    CHECK(held == 8);
    CHECK(is_dropped(few.add(piece(200, load, 0, 800), 0), Drop::fragment_full));
    CHECK(whole(few.add(piece(0, load, 800, 1000), 0)).size() == 1020);

    Reassembly small({.entries = 64, .bytes = 4000, .largest = 2048});
    for (std::uint16_t id = 0; id < 5; ++id)
        CHECK(is_held(small.add(piece(id, load, 0, 800), 0)));
    CHECK(is_dropped(small.add(piece(9, load, 0, 800), 0), Drop::fragment_full));
    CHECK(small.expire(second) == 5);
    CHECK(is_held(small.add(piece(9, load, 0, 800), second)));
}

TEST_CASE("any octets at all are survived") {
    std::mt19937 random(11);
    Reassembly reassembly({.entries = 8, .bytes = 20000, .largest = 600});
    for (int i = 0; i < 20'000; ++i) {
        Bytes load = random_bytes(random, 1 + random() % 700);
        Ipv4 packet{.identification = static_cast<std::uint16_t>(random() % 4),
                    .fragment = static_cast<std::uint16_t>(random() % 4 == 0 ? random()
                                                                             : random() % 0x2050),
                    .protocol = protocol::gre,
                    .payload = std::move(load)};
        const auto outcome = reassembly.add(packet.bytes(), static_cast<std::uint64_t>(i));
        if (const Whole* found = std::get_if<Whole>(&outcome))
            CHECK(found->size() <= 600);
        (void)reassembly.expire(static_cast<std::uint64_t>(i));
    }
}
