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

namespace {

// What an edit says of a part of `entries`, with the part's own leaf first.
detour::fib::Edit part_of(const Entries& entries, const Prefix& part) {
    Entries inside;
    LeafIndex covering = detour::fib::no_leaf;
    int length = -1;
    for (const auto& entry : entries) {
        if (part.contains(entry.first) && entry.first != part)
            inside.push_back(entry);
        else if (entry.first.contains(part) && entry.first.length() > length) {
            covering = entry.second;
            length = entry.first.length();
        }
    }
    std::ranges::sort(inside);
    inside.insert(inside.begin(), {part, covering});
    return inside;
}

}  // namespace

TEST_CASE("an edit makes a new version and leaves the old one as it was") {
    const Table before(Family::ipv4, Entries{{*Prefix::parse("10.0.0.0/8"), 7}});
    const Address host = *Address::parse("10.1.2.3");
    const auto after =
        before.with(std::vector<detour::fib::Edit>{{{Prefix::host(host), LeafIndex{9}}}});
    REQUIRE(after);
    CHECK(after->lookup(host) == 9);
    CHECK(after->lookup(*Address::parse("10.1.2.4")) == 7);
    CHECK(before.lookup(host) == 7);
}

TEST_CASE("blocks that an edit made needless are used again once the versions are gone") {
    auto table = std::make_shared<const Table>(Family::ipv4, Entries{});
    const std::size_t size = table->byte_size();
    for (int round = 0; round < 5000; ++round) {
        const Prefix prefix(Address::ipv4(static_cast<std::uint32_t>(round) << 12U), 24);
        auto with = table->with(std::vector<detour::fib::Edit>{{{prefix, LeafIndex{3}}}});
        REQUIRE(with);
        CHECK(with->lookup(prefix.address()) == 3);
        table = std::move(with);
        auto without = table->with(std::vector<detour::fib::Edit>{{{prefix, LeafIndex{0}}}});
        REQUIRE(without);
        CHECK(without->lookup(prefix.address()) == 0);
        table = std::move(without);
    }
    CHECK(table->byte_size() == size);
}

TEST_CASE("a scattered table is hardly more than its root") {
    std::mt19937 random(3);
    Entries entries;
    for (std::uint32_t i = 0; i < 1000; ++i)
        entries.emplace_back(Prefix(Address::ipv4((i * 61U) << 16U | (random() & 0xff00U)), 24),
                             LeafIndex{5});
    entries.emplace_back(*Prefix::parse("0.0.0.0/0"), LeafIndex{9});
    const Table table(Family::ipv4, entries);
    CHECK(table.byte_size() == (1U << 18U));
    for (const auto& [prefix, leaf] : entries)
        CHECK(table.lookup(prefix.address()) == reference(entries, prefix.address()));
    // Another prefix beside one: a block; without it again: none.
    const Prefix beside = *Prefix::parse("0.0.7.0/25");
    Entries more = entries;
    more.emplace_back(beside, LeafIndex{6});
    const auto with = table.with(std::vector<detour::fib::Edit>{part_of(more, beside)});
    REQUIRE(with);
    CHECK(with->byte_size() > (1U << 18U));
    CHECK(with->lookup(*Address::parse("0.0.7.1")) == 6);
    const auto without = with->with(std::vector<detour::fib::Edit>{part_of(entries, beside)});
    REQUIRE(without);
    CHECK(without->lookup(*Address::parse("0.0.7.1")) == 9);
    CHECK(without->lookup(entries.front().first.address()) == 5);
}

TEST_CASE("a table without room says so") {
    const Table table(Family::ipv4, Entries{});
    std::vector<detour::fib::Edit> edits;
    for (std::uint32_t i = 0; i < 5000; ++i)
        edits.push_back({{Prefix(Address::ipv4(i << 16U), 32), LeafIndex{3}}});
    CHECK(table.with(edits) == nullptr);
}

TEST_CASE("random edits, old versions kept for a while, agree with the definition") {
    std::mt19937 random(7);
    for (const Family family : detour::families) {
        Entries entries;
        auto table = std::make_shared<const Table>(family, entries);
        std::vector<std::pair<std::shared_ptr<const Table>, Entries>> kept;
        for (int round = 0; round < 300; ++round) {
            const Prefix prefix(
                random_address(family, random),
                static_cast<std::uint8_t>(random() % (detour::bit_count(family) + 1U)));
            std::erase_if(entries, [&](const auto& entry) { return entry.first == prefix; });
            if (random() % 3 != 0)
                entries.emplace_back(prefix, static_cast<LeafIndex>(random() % 1000));
            auto next = table->with(std::vector<detour::fib::Edit>{part_of(entries, prefix)});
            table = next ? std::move(next) : std::make_shared<const Table>(family, entries);
            if (random() % 4 == 0)
                kept.emplace_back(table, entries);
            if (kept.size() > 8)
                kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(random() % kept.size()));
            for (int i = 0; i < 20; ++i) {
                const Address address = random_address(family, random);
                CHECK(table->lookup(address) == reference(entries, address));
                for (const auto& [old, old_entries] : kept)
                    CHECK(old->lookup(address) == reference(old_entries, address));
            }
        }
    }
}
