// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/policy/import.h"

#include <doctest/doctest.h>

#include <optional>

#include "controlplane/bgp/rib/adj_rib_in.h"
#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Family;
using detour::Prefix;

namespace {

const std::vector own{address("192.0.2.2"), address("2001:db8::2")};

PathAttributes route(std::vector<AsNumber> path, std::string_view next_hop) {
    PathAttributes attributes;
    if (!path.empty())
        attributes.as_path.segments = {{AsSegment::Kind::sequence, std::move(path)}};
    attributes.next_hop = address(next_hop);
    return attributes;
}

}  // namespace

TEST_CASE("RFC 4271 6.3, 9.1.2: which routes are believed") {
    struct Row {
        const char* what;
        PathAttributes attributes;
        Refusal expected;
    };
    const AsNumber us(64500);
    const AsNumber peer(64496);
    PathAttributes set_first = route({}, "192.0.2.1");
    set_first.as_path.segments = {{AsSegment::Kind::set, {peer}}};
    const std::vector<Row> rows{
        {"a good one", route({peer, AsNumber(64501)}, "192.0.2.1"), Refusal::none},
        {"our AS in the path", route({peer, us}, "192.0.2.1"), Refusal::as_loop},
        {"another first AS", route({AsNumber(64501), peer}, "192.0.2.1"),
         Refusal::foreign_first_as},
        {"a set in front", set_first, Refusal::foreign_first_as},
        {"an empty path", route({}, "192.0.2.1"), Refusal::empty_path},
        {"our own address as next hop", route({peer}, "192.0.2.2"), Refusal::own_next_hop},
        {"our own IPv6 address", route({peer}, "2001:db8::2"), Refusal::own_next_hop},
        {"no next hop", route({peer}, "0.0.0.0"), Refusal::bad_next_hop},
        {"loopback", route({peer}, "127.0.0.1"), Refusal::bad_next_hop},
        {"multicast", route({peer}, "ff02::1"), Refusal::bad_next_hop},
        {"broadcast", route({peer}, "255.255.255.255"), Refusal::bad_next_hop},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(to_string(judge_attributes(row.attributes, {us, peer, own})) ==
              to_string(row.expected));
    }
    CHECK(judge_attributes(route({}, "192.0.2.1"), {us, us, own}) == Refusal::none);
}

TEST_CASE("RFC 9234 5: what is a leak, and what is marked, by our role") {
    const AsNumber us(64500);
    const AsNumber peer(64496);
    struct Row {
        std::optional<Role> role;
        bool is_leak_with_mark_of_peer;
        bool is_leak_with_mark_of_other;
        bool is_marked_without;
    };
    const std::vector<Row> rows{
        {std::nullopt, false, false, false},     {Role::provider, true, true, false},
        {Role::route_server, true, true, false}, {Role::peer, false, true, true},
        {Role::customer, false, false, true},    {Role::route_server_client, false, false, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.role ? static_cast<int>(*row.role) : -1);
        const ImportContext context{us, peer, own, row.role};
        PathAttributes attributes = route({peer, AsNumber(64501)}, "192.0.2.1");
        CHECK(judge_attributes(attributes, context) == Refusal::none);
        CHECK(needs_mark(attributes, context) == row.is_marked_without);
        attributes.only_to_customer = peer;
        CHECK((judge_attributes(attributes, context) == Refusal::route_leak) ==
              row.is_leak_with_mark_of_peer);
        CHECK_FALSE(needs_mark(attributes, context));
        attributes.only_to_customer = AsNumber(64501);
        CHECK((judge_attributes(attributes, context) == Refusal::route_leak) ==
              row.is_leak_with_mark_of_other);
    }
}

TEST_CASE("RFC 4271 6.3: prefixes that nothing can be sent to are not believed") {
    CHECK(judge_prefix(prefix("0.0.0.0/0")) == Refusal::none);
    CHECK(judge_prefix(prefix("::/0")) == Refusal::none);
    CHECK(judge_prefix(prefix("198.51.100.0/24")) == Refusal::none);
    for (const char* text :
         {"224.0.0.0/4", "127.0.0.0/8", "169.254.0.0/16", "ff00::/8", "fe80::/64"})
        CHECK(judge_prefix(prefix(text)) == Refusal::bad_prefix);
}

TEST_CASE("RFC 7313 4, RFC 4724 4.2: what is not heard again is swept, and nothing else") {
    using Effect = AdjRibIn::Effect;
    AdjRibIn rib;
    const auto one = std::make_shared<const PathAttributes>(route({AsNumber(1)}, "192.0.2.1"));
    const Prefix mail = prefix("198.51.100.0/24");
    const Prefix web = prefix("203.0.113.0/24");
    const Prefix refused = prefix("192.0.2.0/24");
    const Prefix web6 = prefix("2001:db8:77::/48");
    for (const Prefix& each : {mail, web, web6})
        CHECK(rib.replace(each, {one}) == Effect::learned);
    CHECK(rib.replace(refused, {one, Refusal::as_loop}) == Effect::nothing);
    rib.mark_stale(Family::ipv4);
    CHECK(rib.stale_count(Family::ipv4) == 3);
    CHECK(rib.stale_count(Family::ipv6) == 0);
    CHECK(rib.accepted_count(Family::ipv4) == 2);  // as good as before
    CHECK(rib.replace(mail, {one}) == Effect::nothing);
    CHECK(rib.stale_count(Family::ipv4) == 2);
    CHECK(rib.sweep(Family::ipv6).empty());
    CHECK(rib.sweep(Family::ipv4) == std::vector{web});
    CHECK(rib.stale_count(Family::ipv4) == 0);
    CHECK(rib.route_count(Family::ipv4) == 1);
    CHECK(rib.accepted_count(Family::ipv4) == 1);
    rib.mark_stale(Family::ipv4);
    CHECK(rib.withdraw(mail) == Effect::withdrawn);
    CHECK(rib.stale_count(Family::ipv4) == 0);
    CHECK(rib.sweep(Family::ipv4).empty());
    CHECK(rib.clear() == std::vector{web6});
}

TEST_CASE("RFC 4271 3.2: the Adj-RIB-In tells what changes for those who see accepted routes") {
    using Effect = AdjRibIn::Effect;
    AdjRibIn rib;
    const auto one = std::make_shared<const PathAttributes>(route({AsNumber(1)}, "192.0.2.1"));
    const auto same = std::make_shared<const PathAttributes>(*one);
    const auto two = std::make_shared<const PathAttributes>(route({AsNumber(2)}, "192.0.2.1"));
    const Prefix mail = prefix("198.51.100.0/24");
    const Prefix web6 = prefix("2001:db8:77::/48");

    CHECK(rib.withdraw(mail) == Effect::nothing);
    CHECK(rib.replace(mail, {one}) == Effect::learned);
    CHECK(rib.replace(mail, {same}) == Effect::nothing);
    CHECK(rib.replace(mail, {two}) == Effect::learned);
    CHECK(rib.replace(mail, {two, Refusal::as_loop}) == Effect::withdrawn);
    CHECK(rib.replace(mail, {one, Refusal::as_loop}) == Effect::nothing);
    CHECK(rib.route_count(Family::ipv4) == 1);
    CHECK(rib.accepted_count(Family::ipv4) == 0);
    CHECK(rib.replace(mail, {one}) == Effect::learned);
    CHECK(rib.replace(web6, {one, Refusal::bad_next_hop}) == Effect::nothing);
    CHECK(rib.withdraw(web6) == Effect::nothing);
    CHECK(rib.replace(web6, {one}) == Effect::learned);
    CHECK(rib.accepted_count(Family::ipv6) == 1);
    CHECK(rib.withdraw(mail) == Effect::withdrawn);
    CHECK(rib.clear() == std::vector{web6});
    CHECK(rib.route_count(Family::ipv6) == 0);
}
