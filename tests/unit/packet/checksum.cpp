// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/checksum.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using test::random_bytes;
using test::reference_checksum;

TEST_CASE("the example of RFC 1071 section 3 sums to ddf2") {
    const Bytes bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    CHECK(Be16::of_raw(partial_sum(bytes)).value() == 0xddf2);
    CHECK(checksum_of(bytes).value() == 0x220d);
}

TEST_CASE("the checksum of random bytes of every length equals the plain reference") {
    std::mt19937 random(1071);
    for (std::size_t size = 0; size <= 130; ++size) {
        for (int round = 0; round < 20; ++round) {
            const Bytes bytes = random_bytes(random, size);
            REQUIRE_MESSAGE(checksum_of(bytes).value() == reference_checksum(bytes), size);
        }
    }
    const Bytes large(65535, 0xff);
    CHECK(checksum_of(large).value() == reference_checksum(large));
}

TEST_CASE("partial sums of parts add up to the sum of the whole") {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        const Bytes bytes = random_bytes(random, 64 + random() % 8);
        const auto all = std::span<const std::uint8_t>(bytes);
        const std::size_t cut = random() % 32 * 2;
        REQUIRE(partial_sum(all.subspan(cut), partial_sum(all.first(cut))) == partial_sum(all));
    }
}

TEST_CASE("folding keeps every carry") {
    CHECK(folded(0) == 0);
    CHECK(folded(0xffff) == 0xffff);
    CHECK(folded(0x10000) == 1);
    CHECK(folded(0xffffffffffffffff) == 0xffff);
    CHECK(folded(0xffffffff00000001) == 1);
    CHECK(folded_short(0xffffffff) == 0xffff);
    CHECK(folded_short(0x0001fffe) == 0xffff);
    CHECK(folded_short(0xfffe0003) == 2);
}

TEST_CASE("the header check accepts exactly the headers whose sum is right") {
    std::mt19937 random(2);
    for (int round = 0; round < 2000; ++round) {
        Bytes header = random_bytes(random, 20);
        header[10] = header[11] = 0;
        const std::uint16_t right = reference_checksum(header);
        header[10] = static_cast<std::uint8_t>(right >> 8);
        header[11] = static_cast<std::uint8_t>(right);
        REQUIRE(is_plain_ipv4_checksum_right(header.data()));
        header[random() % 20] ^= static_cast<std::uint8_t>(1U << random() % 8);
        REQUIRE_FALSE(is_plain_ipv4_checksum_right(header.data()));
    }
    const Bytes ones(20, 0xff);
    CHECK(is_plain_ipv4_checksum_right(ones.data()));
}

TEST_CASE("the incremental update gives what computing anew gives (RFC 1624)") {
    std::mt19937 random(1624);
    for (int round = 0; round < 5000; ++round) {
        Bytes header = random_bytes(random, 20);
        header[0] |= 0x40;  // never all zeros, as RFC 1624 section 4 assumes
        header[10] = header[11] = 0;
        const Be16 before_sum = checksum_of(header);
        const std::size_t at = random() % 4 * 2 + 2;
        const Be16 before{{header[at], header[at + 1]}};
        const Be16 after = Be16::of(static_cast<std::uint16_t>(
            random() % 4 == 0 ? (random() % 2 == 0 ? 0xffff : 0) : random()));
        header[at] = after.octets[0];
        header[at + 1] = after.octets[1];
        REQUIRE(updated_checksum(before_sum, before, after) == checksum_of(header));
    }
}

TEST_CASE("RFC 1624 section 4: the example that eqn. 2 of RFC 1141 gets wrong") {
    // "HC = 0xDD2F, m = 0x5555, m' = 0x3285: HC' = 0x0000"
    CHECK(updated_checksum(Be16::of(0xdd2f), Be16::of(0x5555), Be16::of(0x3285)).value() == 0);
}
