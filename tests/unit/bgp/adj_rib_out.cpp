// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/rib/adj_rib_out.h"

#include <doctest/doctest.h>

#include "controlplane/bgp/wire/framer.h"
#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Bytes;
using detour::Family;
using detour::Prefix;

namespace {

const Prefix mail = prefix("198.51.100.0/24");
const Prefix web = prefix("203.0.113.0/24");
const Prefix web6 = prefix("2001:db8:77::/48");

ExportContext context() {
    return {AsNumber(64500),
            PeerScope::external,
            std::nullopt,
            {address("192.0.2.2"), address("2001:db8:1::2")}};
}

AdjRibOut declared() {
    AdjRibOut rib;
    rib.declare({mail, web, web6}, context());
    return rib;
}

Announcement prepended(std::uint8_t count) {
    Announcement announcement;
    announcement.prepend = count;
    return announcement;
}

struct Peer {
    std::map<Prefix, PathAttributes> table;
    std::size_t message_count = 0;
    std::size_t withdrawal_count = 0;

    // What a peer that hears these messages believes.
    void hear(const Bytes& stream, const Negotiated& negotiated = both_families()) {
        Framer framer;
        framer.feed(stream);
        for (auto frame = framer.next(); frame && *frame; frame = framer.next()) {
            ++message_count;
            const auto update = decode_update((*frame)->body, negotiated, PeerScope::external);
            REQUIRE(update.has_value());
            for (const auto& withdrawn : update->withdrawn)
                for (const Prefix& gone : withdrawn) {
                    ++withdrawal_count;
                    table.erase(gone);
                }
            for (const ReachableRoutes& routes : update->reachable)
                for (const Prefix& learned : routes.prefixes)
                    table[learned] = *routes.attributes;
        }
    }
};

// Everything that is pending, sent as one piece that ends at `end`.
AdjRibOut::Step send(AdjRibOut& rib, Peer& peer, std::uint64_t end) {
    Bytes stream;
    const auto step = rib.take(stream, 100000);
    rib.sent(step, end);
    peer.hear(stream);
    return step;
}

}  // namespace

TEST_CASE("the peer gets what is wanted, one message for each family and set of attributes") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    CHECK(rib.want({{mail, {}}, {web, {}}, {web6, {}}}).empty());
    Peer peer;
    const auto step = send(rib, peer, 100);
    CHECK(step.announced == std::vector{mail, web, web6});
    CHECK(peer.message_count == 2);
    CHECK(step.message_count == 2);
    CHECK(peer.table.at(mail).next_hop == address("192.0.2.2"));
    CHECK(peer.table.at(web6).next_hop == address("2001:db8:1::2"));
    CHECK(peer.table.at(mail).as_path.to_string() == "64500");
    CHECK_FALSE(rib.has_pending());
    CHECK(rib.announced_count(Family::ipv4) == 2);
}

TEST_CASE("a prefix that is not declared has no place") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    const Prefix foreign = prefix("192.0.2.0/24");
    const Prefix longer = prefix("198.51.100.0/25");
    const auto refused = rib.want({{foreign, {}}, {longer, {}}, {mail, {}}});
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].prefix == foreign);
    CHECK(refused[1].prefix == longer);
    CHECK(refused[0].reason == "not declared in the configuration");
    Peer peer;
    send(rib, peer, 100);
    CHECK(peer.table.size() == 1);
    CHECK(peer.table.contains(mail));
}

TEST_CASE("a prefix that is declared no more is withdrawn") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}, {web, {}}});
    Peer peer;
    send(rib, peer, 100);
    rib.declare({mail}, context());
    CHECK(send(rib, peer, 200).withdrawn == std::vector{web});
    CHECK(peer.table.size() == 1);
}

TEST_CASE("a family without a next hop, and attributes beyond a message, are refused") {
    ExportContext only_ipv4 = context();
    only_ipv4.next_hops[1].reset();
    AdjRibOut rib;
    rib.declare({mail, web6}, only_ipv4);
    Announcement huge;
    huge.communities.resize(2000);
    const auto refused = rib.want({{mail, huge}, {web6, {}}});
    REQUIRE(refused.size() == 2);
    CHECK(refused[0].reason == "its attributes do not fit a message");
    CHECK(refused[1].reason == "the peer's link has no address of its family");
}

TEST_CASE("the largest announcement that is granted fits a message with an IPv6 prefix") {
    AdjRibOut rib = declared();
    Negotiated old = both_families();
    old.has_four_octet_as = false;
    rib.open(old);
    ExportContext big_as = context();
    big_as.own_asn = AsNumber(4200000001);
    rib.declare({mail, web6}, big_as);
    Announcement large = prepended(255);
    large.communities.resize(2000);
    std::size_t count = 2000;
    for (std::uint32_t i = 0; i < 2000; ++i)
        large.communities[i] = Community(i);
    while (!rib.want({{mail, large}, {web6, large}}).empty())
        large.communities.resize(--count);
    CHECK(count > 200);
    Bytes stream;
    CHECK(rib.take(stream, 100000).announced.size() == 2);
    Peer peer;
    peer.hear(stream, old);
    CHECK(peer.table.at(web6).communities.size() == count);
    CHECK(peer.table.at(web6).as_path.origin() == AsNumber(4200000001));
}

TEST_CASE("RFC 4271 3.1, RFC 8326 4: a change replaces, without a withdrawal between") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}, {web, {}}});
    Peer peer;
    send(rib, peer, 100);
    Announcement leaving = prepended(3);
    leaving.communities = {graceful_shutdown, no_export};
    leaving.large_communities = {{64500, 1, 2}};
    leaving.med = 50;
    (void)rib.want({{mail, leaving}, {web, {}}});
    CHECK(send(rib, peer, 200).announced == std::vector{mail});
    CHECK(peer.withdrawal_count == 0);
    CHECK(peer.message_count == 2);
    CHECK(to_string(peer.table.at(mail)) ==
          "ORIGIN IGP, AS_PATH 64500 64500 64500 64500, NEXT_HOP 192.0.2.2, MULTI_EXIT_DISC 50, "
          "COMMUNITIES GRACEFUL_SHUTDOWN NO_EXPORT, LARGE_COMMUNITY 64500:1:2");
}

TEST_CASE(
    "what the peer already has is not said again, nor what was taken back before it was sent") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}});
    Peer peer;
    send(rib, peer, 100);
    (void)rib.want({{mail, {}}});
    CHECK_FALSE(rib.has_pending());
    (void)rib.want({{mail, prepended(1)}, {web, {}}});
    CHECK(rib.has_pending());
    (void)rib.want({{mail, {}}});
    CHECK_FALSE(rib.has_pending());
    (void)rib.want({});
    (void)rib.want({{mail, {}}});
    CHECK_FALSE(rib.has_pending());
}

TEST_CASE("announcements come before withdrawals") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}, {web6, {}}});
    Peer peer;
    send(rib, peer, 100);
    (void)rib.want({{web, {}}});
    Bytes stream;
    const auto step = rib.take(stream, 100000);
    CHECK(step.announced == std::vector{web});
    CHECK(step.withdrawn == std::vector{mail, web6});
    Framer framer;
    framer.feed(stream);
    const auto first = decode_update((*framer.next())->body, both_families(), PeerScope::external);
    CHECK(first->reachable.size() == 1);
}

TEST_CASE("an announcement is acknowledged when the stream is, and says so once") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}});
    CHECK(rib.view()[0].progress == Progress::pending);
    Peer peer;
    send(rib, peer, 100);
    CHECK(rib.view()[0].progress == Progress::sent);
    CHECK(rib.acknowledged(99).empty());
    CHECK(rib.acknowledged(100).announced == std::vector{mail});
    CHECK(rib.view()[0].progress == Progress::acknowledged);
    CHECK(rib.acknowledged(100).empty());

    (void)rib.want({{mail, prepended(1)}, {web, {}}});
    CHECK(rib.view()[0].progress == Progress::pending);
    send(rib, peer, 200);
    SUBCASE("an acknowledgement of what was overtaken is no news") {
        (void)rib.want({{mail, prepended(2)}, {web, {}}});
        CHECK(rib.acknowledged(200).announced == std::vector{web});
        send(rib, peer, 300);
        CHECK(rib.acknowledged(300).announced == std::vector{mail});
    }
    SUBCASE("a withdrawal is acknowledged as well") {
        (void)rib.want({{web, {}}});
        send(rib, peer, 300);
        CHECK(rib.acknowledged(300).withdrawn == std::vector{mail});
    }
}

TEST_CASE("a session's end takes everything back, the next one brings it again") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}});
    Peer peer;
    send(rib, peer, 100);
    rib.close();
    CHECK(rib.announced_count(Family::ipv4) == 0);
    CHECK(rib.view()[0].progress == Progress::pending);
    CHECK_FALSE(rib.has_pending());
    (void)rib.want({{web, {}}});
    rib.open(both_families());
    Peer again;
    CHECK(send(rib, again, 50).announced == std::vector{web});
    CHECK(again.withdrawal_count == 0);
}

TEST_CASE("a family that was not negotiated stays pending and is not sent") {
    AdjRibOut rib = declared();
    Negotiated only_ipv6 = both_families();
    only_ipv6.families[0] = false;
    rib.open(only_ipv6);
    (void)rib.want({{mail, {}}, {web6, {}}});
    Peer peer;
    CHECK(send(rib, peer, 100).announced == std::vector{web6});
    CHECK_FALSE(rib.has_pending());
    CHECK(rib.view()[0].progress == Progress::pending);
}

TEST_CASE("RFC 2918 4: a refresh sends the family again, and a withdrawal before it stays one") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}, {web, {}}, {web6, {}}});
    Peer peer;
    send(rib, peer, 100);
    rib.resend(Family::ipv4);
    (void)rib.want({{web, {}}, {web6, {}}});
    const auto step = send(rib, peer, 200);
    CHECK(step.announced == std::vector{web});
    CHECK(step.withdrawn == std::vector{mail});
}

TEST_CASE("a change says nothing of the prefixes that it does not name") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}, {web, {}}});
    Peer peer;
    send(rib, peer, 100);
    CHECK(rib.change({{web6}, Announcement{}}).empty());
    CHECK(rib.change({{mail}, std::nullopt}).empty());
    const auto step = send(rib, peer, 200);
    CHECK(step.announced == std::vector{web6});
    CHECK(step.withdrawn == std::vector{mail});
    CHECK(peer.table.size() == 2);
    CHECK(rib.announced_count(Family::ipv4) == 1);
    CHECK(rib.announced_count(Family::ipv6) == 1);
    // Unordered, repeated, and one that has no place.
    const Prefix foreign = prefix("192.0.2.0/24");
    const auto refused = rib.change({{web6, foreign, mail, web6}, prepended(1)});
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].prefix == foreign);
    CHECK(send(rib, peer, 300).announced == std::vector{mail, web6});
    CHECK(rib.change({{foreign}, std::nullopt}).empty());
    CHECK_FALSE(rib.has_pending());
}

TEST_CASE("a change that is taken back before it was sent costs no message") {
    AdjRibOut rib = declared();
    rib.open(both_families());
    (void)rib.want({{mail, {}}});
    Peer peer;
    send(rib, peer, 100);
    (void)rib.change({{mail, web}, prepended(2)});
    CHECK(rib.has_pending());
    (void)rib.change({{mail}, Announcement{}});
    (void)rib.change({{web}, std::nullopt});
    CHECK_FALSE(rib.has_pending());
    Bytes stream;
    CHECK(rib.take(stream, 100000).empty());
    CHECK(stream.empty());
}

TEST_CASE("how far a wish has come is known of withdrawals too") {
    using Wish = WishProgress::Wish;
    AdjRibOut rib = declared();
    rib.open(both_families());
    const auto is = [&](Wish wish, Progress progress) {
        const WishProgress now = rib.progress(mail);
        return now.wish == wish && now.progress == progress;
    };
    CHECK(is(Wish::nothing, Progress::acknowledged));
    (void)rib.change({{mail}, Announcement{}});
    CHECK(is(Wish::announcement, Progress::pending));
    Peer peer;
    send(rib, peer, 100);
    CHECK(is(Wish::announcement, Progress::sent));
    (void)rib.acknowledged(100);
    CHECK(is(Wish::announcement, Progress::acknowledged));
    (void)rib.change({{mail}, std::nullopt});
    CHECK(is(Wish::nothing, Progress::pending));
    send(rib, peer, 200);
    CHECK(is(Wish::nothing, Progress::sent));
    // Another configuration moves the slots; what is in flight keeps its meaning.
    rib.declare({prefix("10.0.0.0/8"), mail, web, web6}, context());
    CHECK(rib.acknowledged(200).withdrawn == std::vector{mail});
    CHECK(is(Wish::nothing, Progress::acknowledged));
    CHECK(rib.progress(prefix("192.0.2.0/24")).wish == Wish::nothing);
}

TEST_CASE("RFC 9234 5: what goes to a customer or a peer is marked with our AS") {
    for (const auto& [role, is_marked] :
         {std::pair(Role::provider, true), std::pair(Role::peer, true),
          std::pair(Role::route_server, true), std::pair(Role::customer, false),
          std::pair(Role::route_server_client, false)}) {
        CAPTURE(static_cast<int>(role));
        ExportContext with = context();
        with.role = role;
        AdjRibOut rib;
        rib.declare({mail}, with);
        rib.open(both_families());
        (void)rib.want({{mail, {}}});
        Peer peer;
        send(rib, peer, 100);
        CHECK(peer.table.at(mail).only_to_customer.has_value() == is_marked);
        if (is_marked)
            CHECK(peer.table.at(mail).only_to_customer == AsNumber(64500));
    }
}

TEST_CASE("RFC 8654: ten thousand prefixes are one message where both sides allow it") {
    AdjRibOut rib;
    std::set<Prefix> many;
    for (std::uint32_t i = 0; i < 10000; ++i)
        many.insert(Prefix(detour::Address::ipv4(0x0a000000 + (i << 8)), 24));
    rib.declare(many, context());
    Negotiated extended = both_families();
    extended.has_extended_messages = true;
    rib.open(extended);
    CHECK(rib.change({{many.begin(), many.end()}, Announcement{}}).empty());
    Bytes stream;
    CHECK(rib.take(stream, 1 << 20).message_count == 1);
    CHECK(stream.size() < 41000);
}

TEST_CASE("a budget cuts the work into pieces and loses nothing") {
    AdjRibOut rib;
    std::set<Prefix> many;
    AnnouncementSet wish;
    for (std::uint32_t i = 0; i < 10000; ++i)
        many.insert(Prefix(detour::Address::ipv4(0x0a000000 + (i << 8)), 24));
    for (const Prefix& each : many)
        wish[each] = prepended(each.address().bytes()[2] % 2);
    rib.declare(many, context());
    CHECK(rib.want(wish).empty());
    rib.open(both_families());
    Peer peer;
    std::size_t pieces = 0;
    while (rib.has_pending()) {
        Bytes stream;
        rib.sent(rib.take(stream, 5000), ++pieces);
        CHECK(stream.size() <= 5000 + max_message_size);
        peer.hear(stream);
    }
    CHECK(pieces > 3);
    CHECK(peer.table.size() == 10000);
    CHECK(peer.message_count == 10);  // 40,000 octets of NLRI, 4,040 a message, two kinds
    CHECK(rib.acknowledged(pieces).announced.size() == 10000);
}
