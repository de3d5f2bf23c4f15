// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/address_set.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using detour::Address;
using detour::Family;
using detour::fib::AddressSet;

namespace {

bool has(const AddressSet& own, const Address& address) {
    if (address.family() == Family::ipv6)
        return own.has_ipv6(address.bytes().data());
    std::uint32_t word;
    std::memcpy(&word, address.bytes().data(), sizeof word);
    return own.has_ipv4(word);
}

}  // namespace

TEST_CASE("nothing is ours when there are no addresses") {
    const AddressSet own;
    CHECK_FALSE(has(own, *Address::parse("192.0.2.1")));
    CHECK_FALSE(has(own, *Address::parse("0.0.0.0")));
    CHECK_FALSE(has(own, *Address::parse("2001:db8::1")));
    CHECK_FALSE(has(own, *Address::parse("::")));
    CHECK(own == AddressSet(std::vector<Address>{*Address::parse("::"), Address()}));
}

TEST_CASE("exactly the addresses that were given are ours, each given once or twice") {
    std::mt19937 random(27);
    for (const std::size_t count : {1U, 3U, 5U, 64U, 1000U}) {
        std::set<Address> ours;
        while (ours.size() < count) {
            const auto low = static_cast<std::uint8_t>(random() % 250 + 1);
            const auto high = static_cast<std::uint8_t>(random() % 4);
            ours.insert(Address::ipv4({192, 0, high, low}));
            ours.insert(
                Address::ipv6({0x20, 1, 0xd, 0xb8, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, low}));
        }
        std::vector<Address> given(ours.begin(), ours.end());
        given.insert(given.end(), ours.begin(), ours.end());
        const AddressSet own(given);
        CHECK(own == AddressSet(given));
        for (unsigned high = 0; high < 5; ++high) {
            for (unsigned low = 0; low < 256; ++low) {
                const auto a = static_cast<std::uint8_t>(high);
                const auto b = static_cast<std::uint8_t>(low);
                const Address ipv4 = Address::ipv4({192, 0, a, b});
                const Address ipv6 =
                    Address::ipv6({0x20, 1, 0xd, 0xb8, a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b});
                REQUIRE(has(own, ipv4) == ours.contains(ipv4));
                REQUIRE(has(own, ipv6) == ours.contains(ipv6));
            }
        }
    }
}
