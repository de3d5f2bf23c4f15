// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// An IPv4 or IPv6 address as a value. Everything in detour that names a host uses this type; a
// family is never guessed from a length. Text follows RFC 4291 section 2.2 and is written as RFC
// 5952 asks; an IPv4-mapped IPv6 address stays IPv6. No zone ("%eth0"), no port.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "conf/types/parse_error.h"

namespace detour {

enum class Family : std::uint8_t { ipv4, ipv6 };

inline constexpr std::array families{Family::ipv4, Family::ipv6};

// "ipv4" or "ipv6".
[[nodiscard]] std::string_view to_string(Family family);

// Bits of an address of the family: 32 or 128.
[[nodiscard]] constexpr std::uint8_t bit_count(Family family) {
    return family == Family::ipv4 ? 32 : 128;
}

class Address {
 public:
    // 0.0.0.0
    constexpr Address() = default;

    [[nodiscard]] static constexpr Address ipv4(std::array<std::uint8_t, 4> octets) {
        Address address;
        for (std::size_t i = 0; i < octets.size(); ++i)
            address.octets_[i] = octets[i];
        return address;
    }
    // From a host-order word: 0xc0000201 is 192.0.2.1.
    [[nodiscard]] static constexpr Address ipv4(std::uint32_t word) {
        return ipv4({static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
                     static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)});
    }
    [[nodiscard]] static constexpr Address ipv6(std::array<std::uint8_t, 16> octets) {
        Address address;
        address.family_ = Family::ipv6;
        address.octets_ = octets;
        return address;
    }
    // Network order; nothing unless the span has exactly the family's 4 or 16 octets.
    [[nodiscard]] static std::optional<Address> from_bytes(Family family,
                                                           std::span<const std::uint8_t> octets);
    [[nodiscard]] static std::expected<Address, ParseError> parse(std::string_view text);

    [[nodiscard]] constexpr Family family() const { return family_; }
    // Network order, 4 or 16 octets; lives as long as the address.
    [[nodiscard]] constexpr std::span<const std::uint8_t> bytes() const {
        return std::span(octets_).first(family_ == Family::ipv4 ? 4 : 16);
    }
    // Host-order word of an IPv4 address; asserts the family.
    [[nodiscard]] std::uint32_t word() const;
    // Bit 0 is the most significant; asserts that the family has it.
    [[nodiscard]] bool bit(std::uint8_t index) const;

    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_loopback() const;    // 127.0.0.0/8, ::1
    [[nodiscard]] bool is_multicast() const;   // 224.0.0.0/4, ff00::/8
    [[nodiscard]] bool is_link_local() const;  // 169.254.0.0/16, fe80::/10
    [[nodiscard]] bool is_broadcast() const;   // 255.255.255.255

    // The address with all bits from `length` on cleared.
    [[nodiscard]] Address masked(std::uint8_t length) const;

    [[nodiscard]] std::string to_string() const;

    // IPv4 before IPv6, then numerically.
    friend constexpr auto operator<=>(const Address&, const Address&) = default;

 private:
    Family family_ = Family::ipv4;
    std::array<std::uint8_t, 16> octets_{};
};

}  // namespace detour

template <>
struct std::hash<detour::Address> {
    std::size_t operator()(const detour::Address& address) const noexcept;
};
