// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// RFC 7606, row by row: what an UPDATE with something wrong in it comes to.
#include <doctest/doctest.h>

#include "controlplane/bgp/wire/update.h"
#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Bytes;
using detour::Family;

namespace {

struct Row {
    const char* what;
    ErrorAction expected;
    Bytes attributes;  // the NLRI is 198.51.100.0/24
};

ErrorAction action_of(const Bytes& attributes, PeerScope scope = PeerScope::external) {
    const auto update =
        decode_update(update_body({}, attributes, nlri_198), both_families(), scope);
    if (!update)
        return ErrorAction::reset;
    if (update->is_treated_as_withdraw()) {
        // The route is among the withdrawn, and nowhere else.
        CHECK(update->reachable.empty());
        CHECK(update->withdrawn[0] == std::vector{prefix("198.51.100.0/24")});
        return ErrorAction::treat_as_withdraw;
    }
    CHECK(update->reachable.size() == 1);
    CHECK(update->withdrawn[0].empty());
    return update->faults.empty() ? ErrorAction::none : ErrorAction::discard;
}

const Bytes good = concatenated({origin_igp, path_64496, next_hop_1});

Bytes good_and(const Bytes& more) {
    return concatenated({good, more});
}

Bytes with_origin(const Bytes& origin) {
    return concatenated({origin, path_64496, next_hop_1});
}
Bytes with_path(const Bytes& path) {
    return concatenated({origin_igp, path, next_hop_1});
}
Bytes with_next_hop(const Bytes& next_hop) {
    return concatenated({origin_igp, path_64496, next_hop});
}

constexpr auto none = ErrorAction::none;
constexpr auto discard = ErrorAction::discard;
constexpr auto withdraw = ErrorAction::treat_as_withdraw;
constexpr auto reset = ErrorAction::reset;

}  // namespace

TEST_CASE("RFC 7606 7: the action for each malformed attribute") {
    const std::vector<Row> rows{
        {"all is well", none, good},
        {"RFC 7606 7.1: ORIGIN of two octets", withdraw, with_origin(attribute(0x40, 1, {0, 0}))},
        {"RFC 7606 7.1: ORIGIN empty", withdraw, with_origin(attribute(0x40, 1, {}))},
        {"RFC 7606 7.1: ORIGIN 3", withdraw, with_origin(attribute(0x40, 1, {3}))},
        {"RFC 7606 7.2: unknown segment type", withdraw,
         with_path(attribute(0x40, 2, {7, 1, 0, 0, 0xfb, 0xf0}))},
        {"RFC 7606 7.2: segment overrun", withdraw,
         with_path(attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0}))},
        {"RFC 7606 7.2: segment underrun (one octet left)", withdraw,
         with_path(attribute(0x40, 2, {2, 1, 0, 0, 0xfb, 0xf0, 2}))},
        {"RFC 7606 7.2: segment of length zero", withdraw, with_path(attribute(0x40, 2, {2, 0}))},
        {"RFC 7606 7.2: an empty AS_PATH can be read", none, with_path(attribute(0x40, 2, {}))},
        {"RFC 5065 5: confederation segment from outside", withdraw,
         with_path(attribute(0x40, 2, {3, 1, 0, 0, 0xfb, 0xf0}))},
        {"RFC 7607 2: AS 0 in the path", withdraw,
         with_path(attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0, 0}))},
        {"RFC 7606 7.3: NEXT_HOP of three octets", withdraw,
         with_next_hop(attribute(0x40, 3, {192, 0, 2}))},
        {"RFC 7606 7.4: MULTI_EXIT_DISC of three octets", withdraw,
         good_and(attribute(0x80, 4, {0, 0, 1}))},
        {"RFC 7606 7.5: LOCAL_PREF from an external peer", discard,
         good_and(attribute(0x40, 5, {0, 0, 0, 100}))},
        {"RFC 7606 7.6: ATOMIC_AGGREGATE with a value", discard, good_and(attribute(0x40, 6, {1}))},
        {"RFC 7606 7.7: AGGREGATOR of six octets between new speakers", discard,
         good_and(attribute(0xc0, 7, {0xfb, 0xf0, 192, 0, 2, 1}))},
        {"RFC 7607 2: AGGREGATOR with AS 0", discard,
         good_and(attribute(0xc0, 7, {0, 0, 0, 0, 192, 0, 2, 1}))},
        {"RFC 7606 7.8: COMMUNITIES of five octets", withdraw,
         good_and(attribute(0xc0, 8, {0, 0, 0, 0, 0}))},
        {"RFC 7606 7.8: COMMUNITIES empty", withdraw, good_and(attribute(0xc0, 8, {}))},
        {"RFC 7606 7.9: ORIGINATOR_ID from an external peer", discard,
         good_and(attribute(0x80, 9, {1, 2, 3, 4}))},
        {"RFC 7606 7.10: CLUSTER_LIST from an external peer", discard,
         good_and(attribute(0x80, 10, {1, 2, 3, 4}))},
        {"RFC 7606 7.14: EXTENDED_COMMUNITIES of seven octets", withdraw,
         good_and(attribute(0xc0, 16, {0, 0, 0, 0, 0, 0, 0}))},
        {"RFC 7606 7.15: IPV6_EXTENDED_COMMUNITIES of nineteen octets", withdraw,
         good_and(attribute(0xc0, 25, Bytes(19)))},
        {"RFC 5701 2: of twenty they are kept", none, good_and(attribute(0xc0, 25, Bytes(20)))},
        {"RFC 9234 5: ONLY_TO_CUSTOMER of three octets", withdraw,
         good_and(attribute(0xc0, 35, {0, 0, 1}))},
        {"RFC 9234 5: ONLY_TO_CUSTOMER of four", none, good_and(attribute(0xc0, 35, {0, 0, 0, 1}))},
        {"RFC 6793 6: AS4_PATH from a new speaker", discard,
         good_and(attribute(0xc0, 17, {2, 1, 0, 0, 0xfb, 0xf0}))},
        {"RFC 6793 6: AS4_AGGREGATOR from a new speaker", discard,
         good_and(attribute(0xc0, 18, {0, 0, 0xfb, 0xf0, 1, 2, 3, 4}))},
        {"RFC 8092 6: LARGE_COMMUNITY of eleven octets", withdraw,
         good_and(attribute(0xc0, 32, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(action_of(row.attributes) == row.expected);
    }
}

TEST_CASE("RFC 7606 3, 4: what can be wrong with the list") {
    const std::vector<Row> rows{
        {"RFC 7606 3 c: ORIGIN with the Optional bit", withdraw,
         with_origin(attribute(0xc0, 1, {0}))},
        {"RFC 7606 3 c: COMMUNITIES without the Transitive bit", withdraw,
         good_and(attribute(0x80, 8, {0, 0, 0, 1}))},
        {"RFC 7606 3 c: the Partial bit is nobody's fault", none,
         good_and(attribute(0xe0, 8, {0, 0, 0, 1}))},
        {"RFC 7606 3 d: no ORIGIN", withdraw, concatenated({path_64496, next_hop_1})},
        {"RFC 7606 3 d: no AS_PATH", withdraw, concatenated({origin_igp, next_hop_1})},
        {"RFC 7606 3 d: no NEXT_HOP", withdraw, concatenated({origin_igp, path_64496})},
        {"RFC 7606 3 g: ORIGIN twice", discard, good_and(origin_igp)},
        {"RFC 7606 3 h: the strongest of several counts", withdraw,
         good_and(concatenated({attribute(0x40, 6, {1}), attribute(0xc0, 8, {})}))},
        {"RFC 7606 4: an attribute over the end of the list", withdraw,
         good_and({0xc0, 8, 200, 1})},
        {"RFC 7606 4: a lonely octet at the end of the list", withdraw, good_and({0xc0})},
        {"RFC 4271 6.3: an unknown well-known attribute", reset,
         good_and(attribute(0x40, 99, {1}))},
        {"RFC 4271 5: an unknown optional transitive one is kept", none,
         good_and(attribute(0xc0, 99, {1}))},
        {"RFC 4271 5: an unknown optional non-transitive one is ignored", none,
         good_and(attribute(0x80, 99, {1}))},
        {"RFC 4271 4.3: extended length where it was not needed", none,
         good_and(attribute(0xd0, 8, {0, 0, 0, 1}))},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(action_of(row.attributes) == row.expected);
    }
}

TEST_CASE("RFC 7606 7.5, 7.9, 7.10: from an internal peer these are read") {
    const Bytes local_pref = attribute(0x40, 5, {0, 0, 0, 100});
    const auto internal = [](const Bytes& attributes) {
        return action_of(attributes, PeerScope::internal);
    };
    CHECK(internal(good_and(local_pref)) == none);
    CHECK(internal(good) == withdraw);  // 3 d: LOCAL_PREF is mandatory among internal peers
    CHECK(internal(good_and(attribute(0x40, 5, {0, 0, 100}))) == withdraw);
    CHECK(internal(concatenated({good, local_pref, attribute(0x80, 9, {1, 2, 3})})) == withdraw);
    CHECK(internal(concatenated({good, local_pref, attribute(0x80, 9, {1, 2, 3, 4})})) == none);
    CHECK(internal(concatenated({good, local_pref, attribute(0x80, 10, {1, 2, 3})})) == withdraw);
    CHECK(internal(concatenated({good, local_pref, attribute(0x80, 10, {1, 2, 3, 4})})) == none);
}

TEST_CASE("errors that leave nothing to treat as withdrawn reset the session") {
    struct ResetRow {
        const char* what;
        Bytes body;
        Notification error;
    };
    const auto reach = [](const Bytes& value) {
        return update_body({}, concatenated({attribute(0x80, 14, value), origin_igp, path_64496}),
                           {});
    };
    const Bytes ipv6_next_hop = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const Bytes bad_next_hop_size = concatenated({{0, 2, 1, 4, 1, 2, 3, 4, 0}, {0}});
    const Bytes bad_length = concatenated({{0, 2, 1, 16}, ipv6_next_hop, {0, 129, 0x20}});
    const Bytes overrun = concatenated({{0, 2, 1, 16}, ipv6_next_hop, {0, 48, 0x20, 1}});
    const Bytes empty_unreach = attribute(0x80, 15, {0, 2, 1});
    const std::vector<ResetRow> rows{
        {"RFC 4271 6.3: withdrawn routes longer than the message",
         {0, 9, 0, 0},
         Notification(UpdateError::malformed_attribute_list)},
        {"RFC 4271 6.3: attributes longer than the message",
         {0, 0, 0, 9, 0x40},
         Notification(UpdateError::malformed_attribute_list)},
        {"RFC 7606 5.3: an IPv4 prefix of 33 bits", update_body({}, good, {33, 1, 2, 3, 4, 5}),
         Notification(UpdateError::invalid_network)},
        {"RFC 7606 5.3: an IPv4 prefix over the end", update_body({}, good, {24, 198, 51}),
         Notification(UpdateError::invalid_network)},
        {"RFC 7606 5.3: a withdrawn prefix over the end", update_body({24, 198, 51}, {}, {}),
         Notification(UpdateError::invalid_network)},
        {"RFC 7606 7.11: next hop of an impossible size", reach(bad_next_hop_size),
         Notification(UpdateError::optional_attribute, attribute(0x80, 14, bad_next_hop_size))},
        {"RFC 7606 5.3: an IPv6 prefix of 129 bits", reach(bad_length),
         Notification(UpdateError::optional_attribute, attribute(0x80, 14, bad_length))},
        {"RFC 7606 5.3: an IPv6 prefix over the end", reach(overrun),
         Notification(UpdateError::optional_attribute, attribute(0x80, 14, overrun))},
        {"RFC 7606 7.12: MP_UNREACH_NLRI of two octets",
         update_body({}, attribute(0x80, 15, {0, 2}), {}),
         Notification(UpdateError::optional_attribute, attribute(0x80, 15, {0, 2}))},
        {"RFC 7606 3 g: MP_UNREACH_NLRI twice",
         update_body({}, concatenated({empty_unreach, empty_unreach}), {}),
         Notification(UpdateError::malformed_attribute_list)},
        {"RFC 4271 6.3: an unknown well-known attribute, which is the data",
         update_body({}, attribute(0x40, 99, {1}), {}),
         Notification(UpdateError::unrecognized_well_known, {0x40, 99, 1, 1})},
    };
    for (const ResetRow& row : rows) {
        CAPTURE(row.what);
        const auto update = decode_update(row.body, both_families(), PeerScope::external);
        REQUIRE_FALSE(update.has_value());
        CHECK(update.error() == row.error);
    }
}

TEST_CASE("RFC 7606 3 d: a bad attribute takes the IPv6 routes of its UPDATE with it") {
    const Bytes reach =
        attribute(0x80, 14, {0, 2, 1, 16, 0x20, 1, 0x0d, 0xb8, 0,    0, 0,    0,    0, 0,
                             0, 0, 0, 0,  0,    1, 0,    48,   0x20, 1, 0x0d, 0xb8, 0, 0x77});
    const auto update = decode_update(update_body({}, concatenated({reach, path_64496}), {}),
                                      both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(update->is_treated_as_withdraw());
    CHECK(update->withdrawn[1] == std::vector{prefix("2001:db8:77::/48")});
}

TEST_CASE("RFC 4760 7: families that were not negotiated or that nobody here speaks are ignored") {
    Negotiated only_ipv4 = both_families();
    only_ipv4.families[1] = false;
    const Bytes reach =
        attribute(0x80, 14, {0, 2, 1, 16, 0x20, 1, 0x0d, 0xb8, 0,    0, 0,    0,    0, 0,
                             0, 0, 0, 0,  0,    1, 0,    48,   0x20, 1, 0x0d, 0xb8, 0, 0x77});
    const Bytes vpn = attribute(0x80, 14, {0, 1, 128, 0, 0});
    for (const Bytes& attributes : {concatenated({reach, good}), concatenated({vpn, good})}) {
        const auto update =
            decode_update(update_body({}, attributes, nlri_198), only_ipv4, PeerScope::external);
        REQUIRE(update.has_value());
        REQUIRE(update->reachable.size() == 1);
        CHECK(update->reachable[0].family == Family::ipv4);
    }
    Negotiated only_ipv6 = both_families();
    only_ipv6.families[0] = false;
    const auto update =
        decode_update(update_body({}, good, nlri_198), only_ipv6, PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(update->reachable.empty());
}
