// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Integers as they lie in a packet: octets in network order, alignment 1, so that a struct of them
// can be laid over any bytes. `value()` is the number; `raw()` is the same octets as one machine
// word, which is what checksums add and wide stores write (no swap).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace detour::packet {

// Swaps on little-endian machines; its own inverse.
[[nodiscard]] constexpr std::uint16_t network_order(std::uint16_t value) {
    if constexpr (std::endian::native == std::endian::little)
        return static_cast<std::uint16_t>(value << 8 | value >> 8);
    else
        return value;
}

[[nodiscard]] constexpr std::uint32_t network_order(std::uint32_t value) {
    if constexpr (std::endian::native == std::endian::little)
        return __builtin_bswap32(value);
    else
        return value;
}

[[nodiscard]] constexpr std::uint64_t network_order(std::uint64_t value) {
    if constexpr (std::endian::native == std::endian::little)
        return __builtin_bswap64(value);
    else
        return value;
}

template <class Word>
struct BigEndian {
    std::array<std::uint8_t, sizeof(Word)> octets;

    [[nodiscard]] static constexpr BigEndian of(Word value) { return of_raw(network_order(value)); }
    [[nodiscard]] static constexpr BigEndian of_raw(Word word) {
        return {std::bit_cast<std::array<std::uint8_t, sizeof(Word)>>(word)};
    }
    [[nodiscard]] constexpr Word raw() const { return std::bit_cast<Word>(octets); }
    [[nodiscard]] constexpr Word value() const { return network_order(raw()); }

    friend constexpr bool operator==(const BigEndian&, const BigEndian&) = default;
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;

// A header laid over bytes; the caller has checked that sizeof(Header) of them are there.
template <class Header>
[[nodiscard]] const Header& header_at(const std::uint8_t* bytes) {
    static_assert(alignof(Header) == 1 && std::is_trivial_v<Header>);
    return *reinterpret_cast<const Header*>(bytes);
}
template <class Header>
[[nodiscard]] Header& header_at(std::uint8_t* bytes) {
    static_assert(alignof(Header) == 1 && std::is_trivial_v<Header>);
    return *reinterpret_cast<Header*>(bytes);
}

}  // namespace detour::packet
