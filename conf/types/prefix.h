// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A prefix (network, length) with no host bits set, by construction, and the address a host has on
// one.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "conf/types/address.h"

namespace detour {

class Prefix {
 public:
    // 0.0.0.0/0
    constexpr Prefix() = default;
    // Clears the host bits; asserts that the family has `length` bits.
    Prefix(const Address& address, std::uint8_t length);
    // 0.0.0.0/0 or ::/0
    [[nodiscard]] static Prefix default_of(Family family);
    // The prefix that holds this address alone: /32 or /128.
    [[nodiscard]] static Prefix host(const Address& address);
    // "192.0.2.0/24". Host bits set is an error whose message names the prefix that was probably
    // meant; a missing length is an error.
    [[nodiscard]] static std::expected<Prefix, ParseError> parse(std::string_view text);

    [[nodiscard]] constexpr const Address& address() const { return address_; }
    [[nodiscard]] constexpr std::uint8_t length() const { return length_; }
    [[nodiscard]] constexpr Family family() const { return address_.family(); }
    [[nodiscard]] constexpr bool is_default() const { return length_ == 0; }
    [[nodiscard]] bool is_host() const { return length_ == bit_count(family()); }

    // Families never mix: false if they differ.
    [[nodiscard]] bool contains(const Address& address) const;
    [[nodiscard]] bool contains(const Prefix& other) const;
    [[nodiscard]] bool overlaps(const Prefix& other) const;

    [[nodiscard]] std::string to_string() const;

    // By address, then the shorter first.
    friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
    Address address_;
    std::uint8_t length_ = 0;
};

// An address with the length of its link's prefix, as an interface carries it: 192.0.2.2/30.
struct InterfaceAddress {
    Address address;
    std::uint8_t length = 0;

    [[nodiscard]] static std::expected<InterfaceAddress, ParseError> parse(std::string_view text);
    [[nodiscard]] Prefix network() const { return {address, length}; }
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const InterfaceAddress&, const InterfaceAddress&) = default;
};

}  // namespace detour

template <>
struct std::hash<detour::Prefix> {
    std::size_t operator()(const detour::Prefix& prefix) const noexcept {
        return std::hash<detour::Address>{}(prefix.address()) * 131 + prefix.length();
    }
};
