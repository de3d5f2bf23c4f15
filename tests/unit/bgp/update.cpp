// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/update.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "controlplane/bgp/wire/framer.h"
#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Address;
using detour::AsNumber;
using detour::Bytes;
using detour::Family;
using detour::Prefix;

namespace {

PathAttributes rich_attributes(Family family) {
    PathAttributes attributes;
    attributes.origin = Origin::incomplete;
    attributes.as_path.segments = {
        {AsSegment::Kind::sequence, {AsNumber(64496), AsNumber(4200000001)}},
        {AsSegment::Kind::set, {AsNumber(64501), AsNumber(64502)}}};
    attributes.next_hop = family == Family::ipv4 ? address("192.0.2.1") : address("2001:db8::1");
    if (family == Family::ipv6)
        attributes.link_local_next_hop = address("fe80::1");
    attributes.med = 77;
    attributes.is_atomic_aggregate = true;
    attributes.aggregator = Aggregator{AsNumber(4200000002), address("192.0.2.9")};
    attributes.communities = {Community(0xfbf00001), graceful_shutdown, no_export};
    std::ranges::sort(attributes.communities);
    attributes.extended_communities = {ExtendedCommunity(0x0002fbf000000001)};
    attributes.large_communities = {{64496, 1, 2}, {4200000001, 3, 4}};
    attributes.unknown = {{0xe0, 99, {1, 2, 3}}};
    return attributes;
}

std::vector<Prefix> prefixes_of(Family family, std::size_t count) {
    std::vector<Prefix> prefixes;
    std::mt19937 random(7);
    for (std::size_t i = 0; i < count; ++i) {
        std::array<std::uint8_t, 16> octets{};
        for (auto& octet : octets)
            octet = static_cast<std::uint8_t>(random());
        const auto length = static_cast<std::uint8_t>(random() % (detour::bit_count(family) + 1U));
        prefixes.emplace_back(
            *Address::from_bytes(family, std::span(octets).first(family == Family::ipv4 ? 4 : 16)),
            length);
    }
    return prefixes;
}

// Decodes every message of a stream.
std::vector<Update> decode_all(const Bytes& stream, const Negotiated& negotiated) {
    Framer framer;
    framer.feed(stream);
    std::vector<Update> updates;
    for (auto frame = framer.next(); frame && *frame; frame = framer.next()) {
        CHECK((*frame)->body.size() + header_size <= max_message_size);
        auto update = decode_update((*frame)->body, negotiated, PeerScope::external);
        REQUIRE(update.has_value());
        CHECK(update->faults.empty());
        updates.push_back(std::move(*update));
    }
    return updates;
}

}  // namespace

TEST_CASE("RFC 4271 4.3, RFC 4760 3: routes survive the wire, packed into as few messages as fit") {
    for (const Family family : detour::families)
        for (const std::size_t count : {1U, 2U, 300U, 5000U}) {
            CAPTURE(to_string(family));
            CAPTURE(count);
            const PathAttributes attributes = rich_attributes(family);
            const std::vector<Prefix> prefixes = prefixes_of(family, count);
            Bytes stream;
            std::size_t message_count = 0;
            for (std::span<const Prefix> rest = prefixes; !rest.empty(); ++message_count)
                rest = rest.subspan(encode_announcement(stream, attributes, rest, {}));
            CHECK(stream.size() > (message_count - 1) * (max_message_size - 32));

            std::vector<Prefix> heard;
            for (const Update& update : decode_all(stream, both_families())) {
                REQUIRE(update.reachable.size() == 1);
                CHECK(update.reachable[0].family == family);
                CHECK(*update.reachable[0].attributes == attributes);
                heard.insert(heard.end(), update.reachable[0].prefixes.begin(),
                             update.reachable[0].prefixes.end());
            }
            CHECK(heard == prefixes);
        }
}

TEST_CASE("RFC 4271 4.3, RFC 4760 4: withdrawals survive the wire") {
    for (const Family family : detour::families) {
        const std::vector<Prefix> prefixes = prefixes_of(family, 3000);
        Bytes stream;
        for (std::span<const Prefix> rest = prefixes; !rest.empty();)
            rest = rest.subspan(encode_withdrawal(stream, rest, {}));
        std::vector<Prefix> heard;
        for (const Update& update : decode_all(stream, both_families())) {
            const auto& withdrawn = update.withdrawn[static_cast<std::size_t>(family)];
            CHECK_FALSE(update.end_of_rib.has_value());
            heard.insert(heard.end(), withdrawn.begin(), withdrawn.end());
        }
        CHECK(heard == prefixes);
    }
}

TEST_CASE("RFC 7606 5.1: MP_REACH_NLRI is the first attribute and brings no NEXT_HOP with it") {
    Bytes bytes;
    (void)encode_announcement(bytes, rich_attributes(Family::ipv6),
                              std::vector{prefix("2001:db8:77::/48")}, {});
    CHECK(bytes[header_size + 4 + 1] == 14);
    const auto update = decode_update(body_of(bytes), both_families(), PeerScope::external);
    CHECK(update->reachable.size() == 1);
}

TEST_CASE("RFC 4724 2: End-of-RIB of each family") {
    for (const Family family : detour::families) {
        Bytes bytes;
        encode_end_of_rib(bytes, family);
        const auto update = decode_update(body_of(bytes), both_families(), PeerScope::external);
        REQUIRE(update.has_value());
        CHECK(update->end_of_rib == family);
        CHECK(update->reachable.empty());
    }
    Negotiated only_ipv4 = both_families();
    only_ipv4.families[1] = false;
    Bytes bytes;
    encode_end_of_rib(bytes, Family::ipv6);
    CHECK(decode_update(body_of(bytes), only_ipv4, PeerScope::external)->end_of_rib ==
          std::nullopt);
}

TEST_CASE("RFC 6793 4.2: what an old speaker relays comes back whole") {
    const PathAttributes sent = rich_attributes(Family::ipv4);
    const std::vector prefixes{prefix("198.51.100.0/24")};
    Bytes bytes;
    UpdateForm old_form;
    old_form.width = AsWidth::two;
    (void)encode_announcement(bytes, sent, prefixes, old_form);
    Negotiated old = both_families();
    old.has_four_octet_as = false;
    const auto update = decode_update(body_of(bytes), old, PeerScope::external);
    REQUIRE(update.has_value());
    REQUIRE(update->reachable.size() == 1);
    CHECK(*update->reachable[0].attributes == sent);
}

TEST_CASE("RFC 6793 4.2.3: AS_PATH and AS4_PATH are merged, or AS4_PATH is not believed") {
    Negotiated old = both_families();
    old.has_four_octet_as = false;
    const auto path_of = [&](const Bytes& attributes) {
        const auto update = decode_update(
            update_body({}, concatenated({origin_igp, attributes, next_hop_1}), nlri_198), old,
            PeerScope::external);
        REQUIRE(update.has_value());
        REQUIRE(update->reachable.size() == 1);
        return update->reachable[0].attributes->as_path.to_string();
    };
    // 64496, then AS_TRANS twice, where AS4_PATH knows the last two.
    const Bytes squeezed = attribute(0x40, 2, {2, 3, 0xfb, 0xf0, 0x5b, 0xa0, 0x5b, 0xa0});
    const Bytes two_true =
        attribute(0xc0, 17, {2, 2, 0xfa, 0x56, 0xea, 0x01, 0xfa, 0x56, 0xea, 0x02});
    CHECK(path_of(concatenated({squeezed, two_true})) == "64496 4200000001 4200000002");
    // Longer than AS_PATH: ignored.
    const Bytes one_number = attribute(0x40, 2, {2, 1, 0xfb, 0xf0});
    CHECK(path_of(concatenated({one_number, two_true})) == "64496");
    // An aggregator that is an old speaker's own: both are ignored.
    const Bytes old_aggregator = attribute(0xc0, 7, {0xfb, 0xf0, 192, 0, 2, 9});
    const Bytes as4_aggregator = attribute(0xc0, 18, {0xfa, 0x56, 0xea, 0x01, 192, 0, 2, 9});
    CHECK(path_of(concatenated({squeezed, old_aggregator, two_true, as4_aggregator})) ==
          "64496 23456 23456");
}

TEST_CASE("RFC 4760 3: IPv4 by MP_REACH_NLRI is taken as well") {
    const Bytes reach = attribute(0x80, 14, {0, 1, 1, 4, 192, 0, 2, 1, 0, 24, 198, 51, 100});
    const auto update =
        decode_update(update_body({}, concatenated({reach, origin_igp, path_64496}), {}),
                      both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    REQUIRE(update->reachable.size() == 1);
    CHECK(update->reachable[0].attributes->next_hop == address("192.0.2.1"));
    CHECK(update->reachable[0].prefixes == std::vector{prefix("198.51.100.0/24")});
}

TEST_CASE("RFC 2545 3: of 32 octets the first half is the next hop, the second if link-local") {
    const auto next_hops = [](std::uint8_t second_start) {
        Bytes value{0, 2, 1, 32, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
        value.insert(value.end(), {second_start, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7});
        value.insert(value.end(), {0, 48, 0x20, 0x01, 0x0d, 0xb8, 0, 0x77});
        const auto update = decode_update(
            update_body({}, concatenated({attribute(0x80, 14, value), origin_igp, path_64496}), {}),
            both_families(), PeerScope::external);
        REQUIRE(update.has_value());
        REQUIRE(update->reachable.size() == 1);
        CHECK(update->reachable[0].attributes->next_hop == address("2001:db8::1"));
        return update->reachable[0].attributes->link_local_next_hop;
    };
    CHECK(next_hops(0xfe) == address("fe80::7"));
    CHECK(next_hops(0x20) == std::nullopt);
}

TEST_CASE("RFC 4271 4.3: bits behind a prefix's length mean nothing") {
    const auto update = decode_update(
        update_body({}, concatenated({origin_igp, path_64496, next_hop_1}), {20, 198, 51, 0xff}),
        both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(update->reachable[0].prefixes == std::vector{prefix("198.51.240.0/20")});
}

TEST_CASE("RFC 8092 5, RFC 1997: communities are sets") {
    const Bytes doubled = attribute(0xc0, 32, {0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                               0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                               0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0});
    const auto update = decode_update(
        update_body({}, concatenated({origin_igp, path_64496, next_hop_1, doubled}), nlri_198),
        both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(update->reachable[0].attributes->large_communities ==
          std::vector<LargeCommunity>{{1, 0, 0}, {2, 0, 0}});
}

TEST_CASE("RFC 4360 2: extended communities are eight octets each, a set, and survive the wire") {
    const auto update = decode_update(
        update_body({},
                    concatenated({origin_igp, path_64496, next_hop_1,
                                  attribute(0xc0, 16, {0, 2, 0xfb, 0xf0, 0, 0, 0, 2,  //
                                                       0, 2, 0xfb, 0xf0, 0, 0, 0, 1,  //
                                                       0, 2, 0xfb, 0xf0, 0, 0, 0, 2})}),
                    nlri_198),
        both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    const PathAttributes& attributes = *update->reachable[0].attributes;
    CHECK(attributes.extended_communities == std::vector{ExtendedCommunity(0x0002fbf000000001),
                                                         ExtendedCommunity(0x0002fbf000000002)});
    Bytes bytes;
    (void)encode_announcement(bytes, attributes, update->reachable[0].prefixes, {});
    CHECK(*decode_update(body_of(bytes), both_families(), PeerScope::external)
               ->reachable[0]
               .attributes == attributes);
}

TEST_CASE("RFC 4271 4.3: a path of more than 255 numbers takes several segments") {
    PathAttributes attributes;
    attributes.as_path = AsPath::repeated(AsNumber(64500), 300);
    attributes.next_hop = address("192.0.2.2");
    Bytes bytes;
    (void)encode_announcement(bytes, attributes, std::vector{prefix("198.51.100.0/24")}, {});
    const auto update = decode_update(body_of(bytes), both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(update->reachable[0].attributes->as_path.length() == 300);
}

TEST_CASE("RFC 8654 3: messages are as long as both sides allow, and no longer") {
    std::vector<Prefix> prefixes;
    for (std::uint32_t i = 0; i < 20000; ++i)
        prefixes.emplace_back(detour::Address::ipv4(0x0a000000 + (i << 8)), 24);
    for (const bool is_extended : {false, true}) {
        Negotiated negotiated = both_families();
        negotiated.has_extended_messages = is_extended;
        const std::size_t limit = is_extended ? 65535 : 4096;
        Bytes announced;
        const std::size_t count = encode_announcement(announced, rich_attributes(Family::ipv4),
                                                      prefixes, UpdateForm(negotiated));
        CHECK(announced.size() <= limit);
        CHECK(announced.size() > limit - 4);
        const auto update = decode_update(body_of(announced), negotiated, PeerScope::external);
        REQUIRE(update.has_value());
        CHECK(update->reachable[0].prefixes.size() == count);
        Bytes withdrawn;
        (void)encode_withdrawal(withdrawn, prefixes, UpdateForm(negotiated));
        CHECK(withdrawn.size() <= limit);
        CHECK(withdrawn.size() > limit - 4);
    }
}

TEST_CASE("RFC 8950 3: IPv4 prefixes with an IPv6 next hop survive the wire") {
    PathAttributes attributes = rich_attributes(Family::ipv4);
    attributes.next_hop = address("2001:db8::1");
    attributes.link_local_next_hop = address("fe80::1");
    const std::vector prefixes{prefix("198.51.100.0/24"), prefix("203.0.113.0/24")};
    Bytes bytes;
    CHECK(encode_announcement(bytes, attributes, prefixes, {}) == 2);
    Negotiated negotiated = both_families();
    negotiated.has_extended_next_hop = true;
    const auto update = decode_update(body_of(bytes), negotiated, PeerScope::external);
    REQUIRE(update.has_value());
    REQUIRE(update->reachable.size() == 1);
    CHECK(update->reachable[0].family == Family::ipv4);
    CHECK(update->reachable[0].prefixes == prefixes);
    CHECK(*update->reachable[0].attributes == attributes);
    // Not agreed on, its length is wrong (RFC 7606 7.11).
    const auto refused = decode_update(body_of(bytes), both_families(), PeerScope::external);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().subcode == static_cast<std::uint8_t>(UpdateError::optional_attribute));
}

TEST_CASE("RFC 9234 5: ONLY_TO_CUSTOMER survives the wire") {
    PathAttributes attributes = rich_attributes(Family::ipv4);
    attributes.only_to_customer = AsNumber(4200000007);
    Bytes bytes;
    (void)encode_announcement(bytes, attributes, std::vector{prefix("198.51.100.0/24")}, {});
    const auto update = decode_update(body_of(bytes), both_families(), PeerScope::external);
    REQUIRE(update.has_value());
    CHECK(*update->reachable[0].attributes == attributes);
    CHECK(to_string(attributes).find("ONLY_TO_CUSTOMER 4200000007") != std::string::npos);
}

TEST_CASE("attributes are told in the words of the RFCs") {
    CHECK(to_string(rich_attributes(Family::ipv4)) ==
          "ORIGIN INCOMPLETE, AS_PATH 64496 4200000001 {64501 64502}, NEXT_HOP 192.0.2.1, "
          "MULTI_EXIT_DISC 77, ATOMIC_AGGREGATE, AGGREGATOR 4200000002 192.0.2.9, COMMUNITIES "
          "64496:1 GRACEFUL_SHUTDOWN NO_EXPORT, EXTENDED_COMMUNITIES 0x0002fbf000000001, "
          "LARGE_COMMUNITY 64496:1:2 4200000001:3:4, unknown 99(3 octets)");
    CHECK(to_string(blackhole) == "BLACKHOLE");
    CHECK(to_string(no_advertise) == "NO_ADVERTISE");
    CHECK(to_string(no_export_subconfed) == "NO_EXPORT_SUBCONFED");
    CHECK(to_string(Origin::egp) == "EGP");
}

TEST_CASE("random bytes never break the decoder, and what it accepts it can say again") {
    std::mt19937 random(20261120);
    PathAttributes attributes = rich_attributes(Family::ipv6);
    Bytes good;
    (void)encode_announcement(good, attributes, prefixes_of(Family::ipv6, 20), {});
    const Bytes body(good.begin() + header_size, good.end());
    for (int round = 0; round < 20000; ++round) {
        Bytes spoiled = body;
        for (unsigned i = 0; i <= random() % 4; ++i)
            spoiled[random() % spoiled.size()] = static_cast<std::uint8_t>(random());
        spoiled.resize(random() % 4 == 0 ? random() % spoiled.size() + 1 : spoiled.size());
        const auto update = decode_update(spoiled, both_families(), PeerScope::external);
        if (!update)
            continue;
        for (const ReachableRoutes& routes : update->reachable) {
            Bytes again;
            (void)encode_announcement(again, *routes.attributes, routes.prefixes, {});
            const auto decoded =
                decode_update(body_of(again), both_families(), PeerScope::external);
            REQUIRE(decoded.has_value());
            REQUIRE(decoded->reachable.size() == 1);
            CHECK(*decoded->reachable[0].attributes == *routes.attributes);
        }
    }
}
