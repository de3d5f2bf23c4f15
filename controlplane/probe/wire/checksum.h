// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The Internet checksum (RFC 1071) over what probes are made of, and how it and the probe's own
// fields are written; internal to probe/wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "conf/types/address.h"

namespace detour::probe {

constexpr std::uint32_t sum_words(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (bytes.size() % 2 != 0)
        sum += static_cast<std::uint32_t>(bytes.back() << 8);
    return sum;
}

constexpr std::uint16_t fold(std::uint32_t sum) {
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

// RFC 8200 section 8.1, RFC 9293 section 3.1, RFC 768.
inline std::uint32_t pseudo_header(const Address& source, const Address& destination,
                                   std::size_t size, std::uint8_t protocol) {
    const auto addresses = sum_words(destination.bytes(), sum_words(source.bytes()));
    return addresses + static_cast<std::uint32_t>(size) + protocol;
}

// What a checksum covers besides the bytes; ICMPv4 covers nothing else.
inline std::uint32_t covered_by_icmp(const Address& source, const Address& destination,
                                     std::size_t size) {
    constexpr std::uint8_t icmpv6 = 58;
    return source.family() == Family::ipv4 ? 0 : pseudo_header(source, destination, size, icmpv6);
}

// The payload of every probe opens with it.
inline constexpr std::uint32_t magic = 0x64746f72;  // "dtor"

template <class Integer>
void put(std::span<std::uint8_t> bytes, std::size_t offset, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
        bytes[offset + i] = static_cast<std::uint8_t>(value >> 8 * (sizeof value - 1 - i));
}

// Writes the checksum of the bytes and of what it covers besides.
inline void seal(std::span<std::uint8_t> bytes, std::size_t offset, std::uint32_t covered) {
    put(bytes, offset, std::uint16_t{0});
    put(bytes, offset, static_cast<std::uint16_t>(~fold(sum_words(bytes, covered))));
}

constexpr bool is_sealed(std::span<const std::uint8_t> bytes, std::uint32_t covered) {
    return fold(sum_words(bytes, covered)) == 0xffff;
}

}  // namespace detour::probe
