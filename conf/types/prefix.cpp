// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/prefix.h"

#include <fmt/format.h>

#include <cassert>
#include <charconv>

namespace detour {
namespace {

std::expected<InterfaceAddress, ParseError> parse_with_length(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == text.npos)
        return std::unexpected(ParseError{"a /length is missing", text.size()});
    const auto address = Address::parse(text.substr(0, slash));
    if (!address)
        return std::unexpected(address.error());
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), length, 10);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() ||
        length > bit_count(address->family()) || (digits.size() > 1 && digits.front() == '0'))
        return std::unexpected(ParseError{fmt::format("the length after / is a number from 0 to {}",
                                                      bit_count(address->family())),
                                          slash + 1});
    return InterfaceAddress{*address, static_cast<std::uint8_t>(length)};
}

}  // namespace

Prefix::Prefix(const Address& address, std::uint8_t length)
    : address_(address.masked(length)), length_(length) {}

Prefix Prefix::default_of(Family family) {
    return {family == Family::ipv4 ? Address{} : Address::ipv6({}), 0};
}

Prefix Prefix::host(const Address& address) {
    return {address, bit_count(address.family())};
}

std::expected<Prefix, ParseError> Prefix::parse(std::string_view text) {
    const auto parsed = parse_with_length(text);
    if (!parsed)
        return std::unexpected(parsed.error());
    const Prefix prefix = parsed->network();
    if (prefix.address() != parsed->address)
        return std::unexpected(
            ParseError{fmt::format("host bits are set; the prefix is {}", prefix.to_string()), 0});
    return prefix;
}

bool Prefix::contains(const Address& address) const {
    return address.family() == family() && address.masked(length_) == address_;
}

bool Prefix::contains(const Prefix& other) const {
    return other.length_ >= length_ && contains(other.address_);
}

bool Prefix::overlaps(const Prefix& other) const {
    return contains(other) || other.contains(*this);
}

std::string Prefix::to_string() const {
    return fmt::format("{}/{}", address_.to_string(), length_);
}

std::expected<InterfaceAddress, ParseError> InterfaceAddress::parse(std::string_view text) {
    return parse_with_length(text);
}

std::string InterfaceAddress::to_string() const {
    return fmt::format("{}/{}", address.to_string(), length);
}

}  // namespace detour
