// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/decode.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>

#include "tests/unit/hex.h"
#include "tests/unit/mirror/recorded.h"

using namespace detour;
using namespace detour::mirror;
using test::bytes_of;

namespace {

template <class Kind>
Kind decoded(std::string_view hex) {
    const auto event = decode(bytes_of(hex));
    REQUIRE(event.has_value());
    REQUIRE(event->has_value());
    REQUIRE(std::holds_alternative<Kind>(**event));
    return std::get<Kind>(**event);
}

}  // namespace

TEST_CASE("a link's name, MAC, group and state are read") {
    const Link link = decoded<LinkEvent>(recorded::link_in_group).link;
    CHECK(to_string(link) == "#101 wan lladdr 02:00:5e:00:53:01 mtu 1500 group 196 up carrier");
}

TEST_CASE("addresses are read with their own side and length") {
    const auto four = decoded<AddressEvent>(recorded::address_ipv4);
    CHECK(four.change == Change::set);
    CHECK(four.key == InterfaceAddressKey{InterfaceIndex(101), *Address::parse("192.0.2.2"), 30});
    const auto six = decoded<AddressEvent>(recorded::address_ipv6);
    CHECK(six.key ==
          InterfaceAddressKey{InterfaceIndex(102), *Address::parse("2001:db8:10::1"), 64});
}

TEST_CASE("neighbours are read with state and address") {
    const auto permanent = decoded<NeighbourEvent>(recorded::neighbour_permanent);
    CHECK(permanent.key == NeighbourKey{InterfaceIndex(101), *Address::parse("192.0.2.1")});
    CHECK(permanent.neighbour.is_usable());
    CHECK(to_string(permanent.neighbour) == "lladdr 02:00:5e:00:53:aa state 0x80");
    CHECK(decoded<NeighbourEvent>(recorded::neighbour_stale).neighbour.is_usable());
    const auto removed = decoded<NeighbourEvent>(recorded::neighbour_removed);
    CHECK(removed.change == Change::removed);
    CHECK_FALSE(removed.neighbour.is_usable());
}

TEST_CASE("nexthop objects are read as hops, groups and blackholes") {
    const auto plain = decoded<NexthopEvent>(recorded::nexthop_plain);
    CHECK(plain.id == NexthopId(251658241));
    CHECK(to_string(plain.nexthop) == "via 192.0.2.1 dev #101");
    const auto group = decoded<NexthopEvent>(recorded::nexthop_group);
    CHECK(to_string(group.nexthop) == "group 251658241,3 2,1");
    CHECK(to_string(decoded<NexthopEvent>(recorded::nexthop_blackhole).nexthop) == "blackhole");
    CHECK(decoded<NexthopEvent>(recorded::nexthop_removed).change == Change::removed);
}

TEST_CASE("routes are read with their way out") {
    struct Row {
        std::string_view hex;
        std::uint32_t table;
        std::string_view key;
        std::string_view path;
    };
    const Row rows[] = {
        {recorded::route_by_nexthop, 1001, "0.0.0.0/0 metric 0",
         "unicast nhid 251658250 proto 142"},
        {recorded::route_unreachable, 1001, "0.0.0.0/0 metric 4278198272", "unreachable proto 3"},
        {recorded::route_with_mtu, 254, "198.51.100.0/24 metric 0",
         "unicast via 10.1.0.2 dev #102 src 10.1.0.1 mtu 1400 proto 3"},
        {recorded::route_multipath, 254, "203.0.113.0/24 metric 0",
         "unicast nexthop via 192.0.2.1 dev #101 weight 3 nexthop via 10.1.0.2 dev #102 proto 3"},
        {recorded::route_via_ipv6, 254, "100.64.0.0/10 metric 0",
         "unicast via 2001:db8:10::2 dev #102 proto 3"},
        {recorded::route_with_tos, 254, "192.0.2.160/29 tos 0x10 metric 0",
         "unicast via 10.1.0.2 dev #102 proto 3"},
        {recorded::route_ipv6_multipath, 254, "2001:db8:77::/48 metric 1024",
         "unicast nexthop via 2001:db8:10::2 dev #102 nexthop via 2001:db8:10::3 dev #102 proto 3"},
        {recorded::route_ipv6_blackhole, 100, "2001:db8:161::/48 metric 1024", "blackhole proto 3"},
    };
    for (const Row& row : rows) {
        const auto route = decoded<RouteEvent>(row.hex);
        CHECK(route.change == Change::set);
        CHECK(route.table == TableId(row.table));
        CHECK(to_string(route.key) == row.key);
        CHECK(to_string(route.path) == row.path);
        CHECK_FALSE(route.is_replacement);
    }
    CHECK(decoded<RouteEvent>(recorded::route_replaced).is_replacement);
    CHECK(decoded<RouteEvent>(recorded::route_removed).change == Change::removed);
}

TEST_CASE("rules are read, and a selector that is not compiled is noticed") {
    struct Row {
        std::string_view hex;
        std::string_view text;
    };
    const Row rows[] = {
        {recorded::rule_suppressing,
         "ipv4 200: lookup 254 suppress_prefixlength 0 suppress_ifgroup 196"},
        {recorded::rule_prohibit, "ipv4 450: iif lan prohibit"},
        {recorded::rule_output, "ipv4 300: oif wan lookup 500"},
        {recorded::rule_source, "ipv4 400: from 198.51.100.0/24 lookup 1001"},
        {recorded::rule_source_ipv6, "ipv6 400: from 2001:db8:77::/48 lookup 1001"},
        {recorded::rule_fwmark, "ipv4 480: (foreign selector) lookup 500"},
        {recorded::rule_not, "ipv4 482: not from 10.0.0.0/8 (foreign selector) lookup 500"},
        {recorded::rule_port, "ipv4 483: (foreign selector) lookup 500"},
        {recorded::rule_goto, "ipv4 484: other"},
        {recorded::rule_tos, "ipv4 485: (foreign selector) lookup 500"},
        {recorded::rule_l3mdev, "ipv4 1000: (foreign selector) lookup 0"},
        {recorded::rule_uid, "ipv4 486: (foreign selector) lookup 500"},
    };
    for (const Row& row : rows)
        CHECK(to_string(decoded<RuleEvent>(row.hex).rule) == row.text);
}

TEST_CASE("a message that forwarding does not care about is no event and no error") {
    auto other_family = bytes_of(recorded::neighbour_permanent);
    other_family[16] = 7;  // AF_BRIDGE
    REQUIRE(decode(other_family).has_value());
    CHECK_FALSE(decode(other_family)->has_value());
    auto cached = bytes_of(recorded::route_with_mtu);
    cached[16 + 9] |= 0x02;  // RTM_F_CLONED
    REQUIRE(decode(cached).has_value());
    CHECK_FALSE(decode(cached)->has_value());
    auto unknown = bytes_of(recorded::route_with_mtu);
    unknown[4] = 200;
    REQUIRE(decode(unknown).has_value());
    CHECK_FALSE(decode(unknown)->has_value());
}

TEST_CASE("a message cut anywhere is an error or less of a message, never more") {
    for (const auto hex : {recorded::link_in_group, recorded::route_multipath,
                           recorded::nexthop_group, recorded::rule_suppressing}) {
        const auto whole = bytes_of(hex);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            // On the heap and of exactly this size, so that a sanitizer sees one byte too far.
            std::vector<std::uint8_t> cut(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(size));
            cut.shrink_to_fit();
            CHECK_FALSE(decode(cut).has_value());
            if (size < 16)
                continue;
            const auto length = static_cast<std::uint32_t>(size);
            std::memcpy(cut.data(), &length, sizeof length);
            (void)decode(cut);
        }
    }
}

TEST_CASE("a message with a flipped byte is read within its bounds") {
    std::mt19937 random(11);
    for (const auto hex : {recorded::route_multipath, recorded::route_via_ipv6,
                           recorded::nexthop_group, recorded::rule_source, recorded::address_ipv4})
        for (int round = 0; round < 3000; ++round) {
            auto message = bytes_of(hex);
            for (std::size_t flips = 1 + random() % 3; flips != 0; --flips)
                message[4 + random() % (message.size() - 4)] = static_cast<std::uint8_t>(random());
            (void)decode(message);
        }
}
