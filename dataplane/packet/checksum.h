// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// All sums here add 16-bit words as they lie in memory (`raw()`): the one's complement sum does not
// care about byte order (RFC 1071 2 (B)), so nothing is swapped and results are stored as they are.
// A partial sum is a folded sum, not complemented; sums of parts add up as long as every part
// but the last has an even number of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/packet/big_endian.h"

namespace detour::packet {

// 64 bits of carries down to 16; keeps 0 and 0xffff (both "zero") apart as RFC 1071's adding does.
[[nodiscard]] constexpr std::uint16_t folded(std::uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// The same for sums that fit 32 bits: two folds are enough.
[[nodiscard]] constexpr std::uint16_t folded_short(std::uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// The folded sum of the bytes; an odd last byte counts as if a zero followed it.
[[nodiscard]] inline std::uint16_t partial_sum(std::span<const std::uint8_t> bytes,
                                               std::uint16_t initial = 0) {
    std::uint64_t sum = initial;
    const std::uint8_t* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 4; at += 4, left -= 4) {
        std::uint32_t word;
        std::memcpy(&word, at, sizeof word);
        sum += word;
    }
    if (left >= 2) {
        std::uint16_t word;
        std::memcpy(&word, at, sizeof word);
        sum += word;
        at += 2;
        left -= 2;
    }
    if (left == 1)
        sum += std::bit_cast<std::uint16_t>(std::array<std::uint8_t, 2>{*at, 0});
    return folded(sum);
}

// The checksum field of bytes whose checksum field is zero.
[[nodiscard]] inline Be16 checksum_of(std::span<const std::uint8_t> bytes) {
    return Be16::of_raw(static_cast<std::uint16_t>(~partial_sum(bytes)));
}

// True of an IPv4 header without options whose checksum is right; reads 20 bytes.
[[nodiscard]] inline bool is_plain_ipv4_checksum_right(const std::uint8_t* header) {
    std::uint64_t a;
    std::uint64_t b;
    std::uint32_t c;
    std::memcpy(&a, header, sizeof a);
    std::memcpy(&b, header + 8, sizeof b);
    std::memcpy(&c, header + 16, sizeof c);
    std::uint64_t sum = (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32) + c;
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    return folded_short(static_cast<std::uint32_t>(sum)) == 0xffff;
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), of one 16-bit word that changed from m to m'.
[[nodiscard]] constexpr Be16 updated_checksum(Be16 checksum, Be16 before, Be16 after) {
    const auto complement = [](Be16 word) { return static_cast<std::uint16_t>(~word.raw()); };
    const std::uint32_t sum =
        std::uint32_t{complement(checksum)} + complement(before) + after.raw();
    return Be16::of_raw(static_cast<std::uint16_t>(~folded_short(sum)));
}

}  // namespace detour::packet
