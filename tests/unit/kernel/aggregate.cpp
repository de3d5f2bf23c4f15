// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/aggregate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/unit/kernel/story.h"

namespace detour::kernel::plan {
namespace {

struct Case {
    const char* name;
    std::vector<const char*> in;
    std::vector<const char*> out;
};

std::vector<Prefix> prefixes(const std::vector<const char*>& texts) {
    std::vector<Prefix> result;
    for (const char* text : texts)
        result.push_back(story::prefix(text));
    return result;
}

}  // namespace

TEST_CASE("sources are joined where that adds no address") {
    const std::vector<Case> cases{
        {"nothing", {}, {}},
        {"one stays", {"192.0.2.0/24"}, {"192.0.2.0/24"}},
        {"halves join", {"192.0.2.128/25", "192.0.2.0/25"}, {"192.0.2.0/24"}},
        {"neighbours that are no halves stay",
         {"192.0.2.64/26", "192.0.2.128/26"},
         {"192.0.2.64/26", "192.0.2.128/26"}},
        {"what is contained goes", {"192.0.2.7/32", "192.0.2.0/24"}, {"192.0.2.0/24"}},
        {"joins cascade",
         {"198.51.100.0/26", "198.51.100.64/26", "198.51.100.128/25"},
         {"198.51.100.0/24"}},
        {"families stay apart",
         {"2001:db8::/33", "0.0.0.0/1", "2001:db8:8000::/33"},
         {"0.0.0.0/1", "2001:db8::/32"}},
        {"both halves of everything", {"0.0.0.0/1", "128.0.0.0/1"}, {"0.0.0.0/0"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.name);
        CHECK(aggregate(prefixes(one.in)) == prefixes(one.out));
    }
}

TEST_CASE("an aggregate covers the same addresses with no two prefixes that could be one") {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::vector<Prefix> in;
        for (std::uint32_t i = 0; i < 1 + random() % 40; ++i)
            in.emplace_back(Address::ipv4(0xc0000200U + random() % 256),
                            static_cast<std::uint8_t>(24 + random() % 9));
        const auto out = aggregate(in);
        for (std::uint32_t last = 0; last < 256; ++last) {
            const Address address = Address::ipv4(0xc0000200U + last);
            const auto holds = [&](const Prefix& prefix) { return prefix.contains(address); };
            REQUIRE(std::ranges::any_of(in, holds) == (std::ranges::count_if(out, holds) == 1));
        }
        REQUIRE(aggregate(out) == out);
        REQUIRE(out.size() <= in.size());
    }
}

}  // namespace detour::kernel::plan
