// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/fib/table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "dataplane/fib/forwarding_state.h"

using detour::Address;
using detour::Family;
using detour::Prefix;
using detour::fib::LeafIndex;
using detour::fib::Table;
using Entries = std::vector<std::pair<Prefix, LeafIndex>>;

namespace {

// The definition: the longest prefix that contains the address.
LeafIndex reference(const Entries& entries, const Address& address) {
    const std::pair<Prefix, LeafIndex>* best = nullptr;
    for (const auto& entry : entries)
        if (entry.first.contains(address) && (!best || entry.first.length() > best->first.length()))
            best = &entry;
    return best ? best->second : detour::fib::no_leaf;
}

Address random_address(Family family, std::mt19937& random) {
    // Few distinct values per octet, so that prefixes nest and addresses hit them.
    std::array<std::uint8_t, 16> octets{};
    for (auto& octet : octets)
        octet = static_cast<std::uint8_t>(random() % 4 * 85);
    return *Address::from_bytes(family, std::span(octets).first(detour::bit_count(family) / 8U));
}

}  // namespace

TEST_CASE("an empty table has no answer") {
    CHECK(Table(Family::ipv4, {}).lookup(*Address::parse("192.0.2.1")) == detour::fib::no_leaf);
    CHECK(Table(Family::ipv6, {}).lookup(*Address::parse("2001:db8::1")) == detour::fib::no_leaf);
}

TEST_CASE("the longest prefix wins at every length, whatever the order of insertion") {
    for (const Family family : detour::families) {
        const auto bits = detour::bit_count(family);
        const Address all_ones = family == Family::ipv4
                                     ? *Address::parse("255.255.255.255")
                                     : *Address::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        Entries entries;
        for (unsigned length = 0; length <= bits; ++length)
            entries.emplace_back(Prefix(all_ones, static_cast<std::uint8_t>(length)),
                                 static_cast<LeafIndex>(length + 1));
        std::ranges::reverse(entries);
        const Table table(family, entries);
        for (unsigned length = 0; length < bits; ++length) {
            // Ones up to the length, then a zero: matched by exactly that prefix.
            std::vector<std::uint8_t> octets(all_ones.bytes().begin(), all_ones.bytes().end());
            octets[length / 8] &= static_cast<std::uint8_t>(~(0x80U >> length % 8));
            CHECK(table.lookup(octets.data()) == length + 1);
        }
        CHECK(table.lookup(all_ones) == bits + 1);
    }
}

TEST_CASE("a hole in a covering prefix has no answer") {
    const Table table(Family::ipv4, Entries{{*Prefix::parse("10.0.0.0/8"), 7},
                                            {*Prefix::parse("10.1.0.0/24"), 0}});
    CHECK(table.lookup(*Address::parse("10.1.0.9")) == detour::fib::no_leaf);
    CHECK(table.lookup(*Address::parse("10.1.1.9")) == 7);
}

TEST_CASE("random tables agree with the definition of longest-prefix match") {
    std::mt19937 random(20261120);
    for (const Family family : detour::families)
        for (int round = 0; round < 20; ++round) {
            Entries entries;
            for (int i = 0; i < 60; ++i) {
                const Prefix prefix(
                    random_address(family, random),
                    static_cast<std::uint8_t>(random() % (detour::bit_count(family) + 1U)));
                if (std::ranges::find(entries, prefix, &Entries::value_type::first) ==
                    entries.end())
                    entries.emplace_back(prefix, static_cast<LeafIndex>(random() % 1000));
            }
            const Table table(family, entries);
            for (int i = 0; i < 200; ++i) {
                const Address address = random_address(family, random);
                CAPTURE(address.to_string());
                CHECK(table.lookup(address) == reference(entries, address));
            }
            CHECK(table.byte_size() >= (1U << 18U));
        }
}
