// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/aggregate.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

using namespace detour;

namespace {

std::vector<std::string> aggregated(std::initializer_list<const char*> texts) {
    std::vector<Prefix> prefixes;
    for (const char* text : texts)
        prefixes.push_back(Prefix::parse(text).value());
    std::vector<std::string> result;
    for (const Prefix& prefix : aggregate(prefixes))
        result.push_back(prefix.to_string());
    return result;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("halves become one prefix, again and again, and what is contained goes") {
    CHECK(aggregated({}).empty());
    CHECK(aggregated({"192.0.2.0/24"}) == Texts{"192.0.2.0/24"});
    CHECK(aggregated({"192.0.2.128/25", "192.0.2.0/25"}) == Texts{"192.0.2.0/24"});
    CHECK(aggregated({"192.0.2.0/26", "192.0.2.64/26", "192.0.2.128/26", "192.0.2.192/26"}) ==
          Texts{"192.0.2.0/24"});
    CHECK(aggregated({"192.0.2.0/24", "192.0.2.0/24", "192.0.2.77/32"}) == Texts{"192.0.2.0/24"});
    CHECK(aggregated({"0.0.0.0/1", "128.0.0.0/1"}) == Texts{"0.0.0.0/0"});
    CHECK(aggregated({"2001:db8::/33", "2001:db8:8000::/33"}) == Texts{"2001:db8::/32"});
}

TEST_CASE("neighbours that are no halves of one prefix stay two, and so do families") {
    CHECK(aggregated({"192.0.2.64/26", "192.0.2.128/26"}) ==
          Texts{"192.0.2.64/26", "192.0.2.128/26"});
    CHECK(aggregated({"192.0.2.0/25", "192.0.2.128/26"}) ==
          Texts{"192.0.2.0/25", "192.0.2.128/26"});
    CHECK(aggregated({"::/1", "0.0.0.0/1", "128.0.0.0/1"}) == Texts{"0.0.0.0/0", "::/1"});
}

TEST_CASE("an aggregate covers exactly what its prefixes covered, whatever they are") {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<Prefix> prefixes;
        for (unsigned i = 0; i < 1 + round % 20U; ++i)
            prefixes.emplace_back(Address::ipv4(0xc0000200U | (random() & 0xffU)),
                                  static_cast<std::uint8_t>(24 + random() % 9));
        const auto result = aggregate(prefixes);
        CHECK(result.size() <= prefixes.size());
        const auto covers = [](const std::vector<Prefix>& list, const Address& address) {
            for (const Prefix& prefix : list)
                if (prefix.contains(address))
                    return true;
            return false;
        };
        for (std::uint32_t host = 0; host < 256; ++host) {
            const Address address = Address::ipv4(0xc0000200U | host);
            REQUIRE(covers(prefixes, address) == covers(result, address));
        }
        CHECK(aggregate(result) == result);
    }
}
