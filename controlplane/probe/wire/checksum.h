// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The Internet checksum (RFC 1071) over what probes are made of; internal to probe/wire.
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

}  // namespace detour::probe
