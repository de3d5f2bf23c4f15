// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/address.h"

#include <arpa/inet.h>

#include <cassert>
#include <cstring>

namespace detour {

std::string_view to_string(Family family) {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}

std::optional<Address> Address::from_bytes(Family family, std::span<const std::uint8_t> octets) {
    if (octets.size() != bit_count(family) / 8U)
        return std::nullopt;
    Address address;
    address.family_ = family;
    std::memcpy(address.octets_.data(), octets.data(), octets.size());
    return address;
}

std::expected<Address, ParseError> Address::parse(std::string_view text) {
    const bool is_ipv6 = text.find(':') != text.npos;
    // inet_pton reads a C string: an embedded NUL must not cut the text short.
    const std::string terminated(text);
    if (text.find('\0') != text.npos)
        return std::unexpected(ParseError{"not an IP address", text.find('\0')});
    Address address;
    address.family_ = is_ipv6 ? Family::ipv6 : Family::ipv4;
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, terminated.c_str(), address.octets_.data()) == 1)
        return address;
    if (const auto slash = text.find('/'); slash != text.npos)
        return std::unexpected(ParseError{"an address is wanted here, without a /length", slash});
    if (const auto zone = text.find('%'); zone != text.npos)
        return std::unexpected(ParseError{"a zone (%interface) is not allowed here", zone});
    return std::unexpected(ParseError{"not an IPv4 or IPv6 address", 0});
}

std::uint32_t Address::word() const {
    assert(family_ == Family::ipv4);
    return static_cast<std::uint32_t>(octets_[0]) << 24 |
           static_cast<std::uint32_t>(octets_[1]) << 16 |
           static_cast<std::uint32_t>(octets_[2]) << 8 | octets_[3];
}

bool Address::bit(std::uint8_t index) const {
    assert(index < bit_count(family_));
    return (octets_[index / 8U] >> (7U - index % 8U) & 1U) != 0;
}

bool Address::is_unspecified() const {
    return octets_ == decltype(octets_){};
}

bool Address::is_loopback() const {
    if (family_ == Family::ipv4)
        return octets_[0] == 127;
    return *this == ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

bool Address::is_multicast() const {
    return family_ == Family::ipv4 ? (octets_[0] & 0xf0U) == 0xe0 : octets_[0] == 0xff;
}

bool Address::is_link_local() const {
    if (family_ == Family::ipv4)
        return octets_[0] == 169 && octets_[1] == 254;
    return octets_[0] == 0xfe && (octets_[1] & 0xc0U) == 0x80;
}

bool Address::is_broadcast() const {
    return *this == ipv4(0xffffffff);
}

Address Address::masked(std::uint8_t length) const {
    assert(length <= bit_count(family_));
    Address result = *this;
    const std::size_t whole = length / 8U;
    if (whole < result.octets_.size()) {
        result.octets_[whole] &= static_cast<std::uint8_t>(0xff00U >> length % 8U);
        for (std::size_t i = whole + 1; i < result.octets_.size(); ++i)
            result.octets_[i] = 0;
    }
    return result;
}

std::string Address::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(family_ == Family::ipv4 ? AF_INET : AF_INET6, octets_.data(), text.data(),
              static_cast<socklen_t>(text.size()));
    return text.data();
}

}  // namespace detour

std::size_t std::hash<detour::Address>::operator()(const detour::Address& address) const noexcept {
    const auto octets = address.bytes();
    const std::string_view view(reinterpret_cast<const char*>(octets.data()), octets.size());
    return std::hash<std::string_view>{}(view) ^ static_cast<std::size_t>(address.family());
}
