// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/upkeep.h"

#include <doctest/doctest.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

#include "dataplane/mirror/leaves.h"
#include "tests/unit/mirror/house.h"

using namespace detour;
using namespace detour::mirror;
using namespace detour::mirror::test;
using namespace std::chrono_literals;

namespace {

using Wish = std::pair<NeighbourKey, NeighbourWish>;

bool has(const NeighbourUpkeep::Wishes& wishes, InterfaceIndex interface, std::string_view address,
         NeighbourWish wish) {
    return std::ranges::count(wishes, Wish{{interface, *Address::parse(address)}, wish}) != 0;
}

NeighbourUpkeep::Wishes ask(NeighbourUpkeep& upkeep, House& house, Duration at,
                            const std::function<bool(std::uint16_t)>& was_used = {}) {
    house.compile();
    return upkeep.wishes(Instant(at), house.compiler().neighbour_uses(), house.kernel(), was_used);
}

}  // namespace

TEST_CASE("gateways are managed by the kernel, and asked for once a second until they are") {
    const auto house = House::furnished();
    house->neighbour(lan, "10.1.0.2", 2, 0x02);
    NeighbourUpkeep upkeep;
    CHECK(has(ask(upkeep, *house, 0s), lan, "10.1.0.2", NeighbourWish::manage));
    CHECK(ask(upkeep, *house, 500ms).empty());
    CHECK(has(ask(upkeep, *house, 1s), lan, "10.1.0.2", NeighbourWish::manage));
    house->kernel().apply(NeighbourEvent{Change::set,
                                         {lan, *Address::parse("10.1.0.2")},
                                         {0x02, true, MacAddress{2, 0, 0x5e, 0, 0x53, 2}}});
    CHECK(ask(upkeep, *house, 2s).empty());
    SUBCASE("a former gateway may grow old again") {
        for (const std::uint32_t table : {in_table, 254U})
            for (const char* prefix : {"198.51.100.0/24", "203.0.113.0/24"})
                house->no_route(table, prefix, "via 10.1.0.2 dev 3");
        CHECK(has(ask(upkeep, *house, 3s), lan, "10.1.0.2", NeighbourWish::use));
        CHECK(ask(upkeep, *house, 5s).empty());
    }
}

TEST_CASE("what an administrator made permanent needs no care") {
    const auto house = House::furnished();
    NeighbourUpkeep upkeep;
    CHECK(ask(upkeep, *house, 0s).empty());
}

TEST_CASE("the next hop of a tunnel's end is asked for again while it is not resolved") {
    const auto house = House::furnished();
    house->no_neighbour(xcon, "192.0.2.65");
    NeighbourUpkeep upkeep;
    CHECK(has(ask(upkeep, *house, 0s), xcon, "192.0.2.65", NeighbourWish::discover));
    house->kernel().apply(
        NeighbourEvent{Change::set, {xcon, *Address::parse("192.0.2.65")}, {0x20, true, {}}});
    CHECK(ask(upkeep, *house, 900ms).empty());
    CHECK(has(ask(upkeep, *house, 1s), xcon, "192.0.2.65", NeighbourWish::manage));
}

TEST_CASE("a neighbour that we have not seen is made, and left alone if somebody was faster") {
    const NeighbourKey key{xcon, *Address::parse("192.0.2.65")};
    const auto flags = [&](NeighbourWish wish) {
        const auto bytes = neighbour_request(key, wish, 1);
        nlmsghdr head{};
        std::memcpy(&head, bytes.data(), sizeof head);
        return head.nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE);
    };
    CHECK(flags(NeighbourWish::discover) == (NLM_F_CREATE | NLM_F_EXCL));
    CHECK(flags(NeighbourWish::manage) == (NLM_F_CREATE | NLM_F_REPLACE));
    CHECK(flags(NeighbourWish::use) == (NLM_F_CREATE | NLM_F_REPLACE));
}

TEST_CASE("nothing is asked on a link that cannot resolve") {
    const auto house = House::furnished();
    Link silent = house_link(xcon);
    silent.has_carrier = false;
    house->link(silent);
    NeighbourUpkeep upkeep;
    house->no_neighbour(xcon, "192.0.2.65");
    CHECK_FALSE(has(ask(upkeep, *house, 0s), xcon, "192.0.2.65", NeighbourWish::discover));
}

TEST_CASE("a stale host is reported as used if it was") {
    const auto house = House::furnished();
    house->neighbour(lan, "10.1.0.77", 0x77, 0x04);  // NUD_STALE
    NeighbourUpkeep upkeep;
    const auto never = [](std::uint16_t) { return false; };
    const auto always = [](std::uint16_t) { return true; };
    CHECK(ask(upkeep, *house, 0s).empty());
    CHECK(ask(upkeep, *house, 0s, never).empty());
    CHECK(has(ask(upkeep, *house, 0s, always), lan, "10.1.0.77", NeighbourWish::use));
    CHECK(ask(upkeep, *house, 500ms, always).empty());
    house->neighbour(lan, "10.1.0.77", 0x77, 0x02);  // NUD_REACHABLE
    CHECK(ask(upkeep, *house, 2s, always).empty());
}

TEST_CASE("weights become buckets in their smallest equal proportions") {
    using Members = std::vector<std::pair<std::uint16_t, std::uint16_t>>;
    CHECK(weighted_buckets(Members{{7, 4}, {8, 2}}) == std::vector<std::uint16_t>{7, 7, 8});
    CHECK(weighted_buckets(Members{{7, 1}}) == std::vector<std::uint16_t>{7});
    const auto many = weighted_buckets(Members{{7, 65535}, {8, 1}});
    CHECK(std::ranges::count(many, 7) == 127);
    CHECK(std::ranges::count(many, 8) == 1);
}

TEST_CASE("leaves keep their numbers while they are kept, and rest before they are used again") {
    Paths paths;
    const PathId one = paths.acquire(path("via 10.1.0.2 dev 3"));
    Leaves leaves(paths);
    const auto first = leaves.index({value_of(one), 0, {}, {}});
    const auto second = leaves.index({value_of(one), 1, {}, {}});
    CHECK(first != second);
    CHECK(leaves.index({value_of(one), 0, {}, {}}) == first);
    std::vector<char> marked(leaves.limit(), 0);
    marked[second] = 1;
    leaves.keep(marked);
    CHECK(leaves.index({value_of(one), 1, {}, {}}) == second);
    CHECK(leaves.index({value_of(one), 2, {}, {}}) != first);
    // The leaf's hold is not a route's.
    paths.release(one);
    CHECK_FALSE(paths.has_route(one));
    CHECK(paths.is_held(one));
}
