// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A peer whose bytes are written by hand: what a session does with what it should not get.
#include <doctest/doctest.h>

#include <random>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Bytes;
using detour::Duration;
using detour::Instant;
using namespace std::chrono_literals;

TEST_CASE("RFC 4271 6: what ends a session says why and closes the connection") {
    struct Row {
        const char* what;
        bool is_established;
        Bytes bytes;
        const char* notification;
    };
    Bytes bad_marker = encode_keepalive();
    bad_marker[0] = 0;
    Bytes bad_type = encode_keepalive();
    bad_type[18] = 9;
    const Bytes truncated = message(MessageType::update, {0, 0, 0, 9});
    const std::vector<Row> rows{
        {"RFC 4271 6.1: a marker that is none", true, bad_marker,
         "Message Header Error/Connection Not Synchronized"},
        {"RFC 4271 6.1: an unknown type", true, bad_type, "Message Header Error/Bad Message Type"},
        {"RFC 4271 6.1: an unknown type before the OPEN", false, bad_type,
         "Message Header Error/Bad Message Type"},
        {"RFC 4271 6.3: a truncated UPDATE", true, truncated,
         "UPDATE Message Error/Malformed Attribute List"},
        {"RFC 6608 4: a message too early or too late", false, good_update(),
         "Finite State Machine Error/Receive Unexpected Message in OpenSent State"},
        {"RFC 6608 4: a message too early or too late", false, encode_keepalive(),
         "Finite State Machine Error/Receive Unexpected Message in OpenSent State"},
        {"RFC 6608 4: a message too early or too late", false,
         concatenated({Script::open(), good_update()}),
         "Finite State Machine Error/Receive Unexpected Message in OpenConfirm State"},
        {"RFC 6608 4: a message too early or too late", false,
         concatenated({Script::open(), encode(RouteRefresh{})}),
         "Finite State Machine Error/Receive Unexpected Message in OpenConfirm State"},
        {"RFC 6608 4: a message too early or too late", true, Script::open(),
         "Finite State Machine Error/Receive Unexpected Message in Established State"},
        {"RFC 7313 5: a ROUTE-REFRESH of three octets", true,
         message(MessageType::route_refresh, {0, 1, 0}),
         "ROUTE-REFRESH Message Error/Invalid Message Length"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CAPTURE(row.notification);
        Script script;
        if (row.is_established)
            script.establish();
        script.hear(row.bytes);
        CHECK(script.last_notification() == row.notification);
        CHECK(script.has_closed());
        CHECK(script.node.view().state == State::idle);
        CHECK(script.node.view().last_error->reason == DownReason::protocol_error);
    }
}

TEST_CASE("RFC 4271 6.4: a NOTIFICATION is never answered, in any state") {
    for (const int steps : {0, 1, 2}) {
        CAPTURE(steps);
        Script script;
        if (steps >= 1)
            script.hear(Script::open());
        if (steps >= 2)
            script.hear(encode_keepalive());
        script.hear(encode(Notification(CeaseReason::out_of_resources)));
        CHECK(script.last_notification().empty());
        CHECK(script.has_closed());
        CHECK(script.node.view().last_error->text == "received Cease/Out of Resources");
    }
}

TEST_CASE("RFC 7606: a bad attribute costs the route, not the session, and is remarked once") {
    Script script;
    script.establish();
    script.hear(good_update());
    CHECK(script.node.view().accepted[0] == 1);
    Bytes many;
    for (int i = 0; i < 500; ++i)
        many = concatenated({many, attribute(0x40, 1, {9})});
    script.hear(message(MessageType::update,
                        update_body({}, concatenated({many, path_64496, next_hop_1}), nlri_198)));
    CHECK(script.node.view().state == State::established);
    CHECK(script.node.view().received[0] == 0);
    CHECK(script.node.view().treated_as_withdraw == 1);
    CHECK(script.node.all<RoutesWithdrawn>().size() == 1);
    const auto remarks = script.node.all<Remark>();
    REQUIRE(remarks.size() == 1);
    CHECK(remarks[0].text ==
          "UPDATE with 500 attribute faults: ORIGIN malformed: treat-as-withdraw (RFC 7606)");
}

TEST_CASE("RFC 4271 9.1.2: a refused route is kept with its reason and shown to nobody else") {
    Script script;
    script.establish();
    const Bytes looped = attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf4});
    script.hear(message(MessageType::update,
                        update_body({}, concatenated({origin_igp, looped, next_hop_1}), nlri_198)));
    CHECK(script.node.all<RoutesLearned>().empty());
    const auto routes = script.node.speaker.routes(peer);
    REQUIRE(routes.size() == 1);
    CHECK(routes[0].refusal == "our own AS in the path");
    CHECK(script.node.view().received[0] == 1);
    CHECK(script.node.view().accepted[0] == 0);
}

TEST_CASE(
    "RFC 7999 3: a route that asks to be dropped is told as what it is, and obeyed by nobody") {
    Script script;
    script.establish();
    const Bytes asks = attribute(0xc0, 8, {0xff, 0xff, 0x02, 0x9a});
    script.hear(message(MessageType::update,
                        update_body({}, concatenated({origin_igp, path_64496, next_hop_1, asks}),
                                    {32, 198, 51, 100, 7})));
    const auto learned = script.node.all<RoutesLearned>();
    REQUIRE(learned.size() == 1);
    CHECK(learned[0].prefixes == std::vector{prefix("198.51.100.7/32")});
    CHECK(learned[0].attributes->communities == std::vector{blackhole});
    // Our own announcement of what it lies in stands as before.
    script.give(Announce{peer, {{mail, {}}}});
    CHECK(script.node.view().announced[0] == 1);
}

TEST_CASE("bytes behind the message that ended the session are not read") {
    Script script;
    script.establish();
    script.hear(concatenated({encode(Notification(CeaseReason::hard_reset)), good_update()}));
    CHECK(script.node.all<RoutesLearned>().empty());
    script.hear(good_update());
    CHECK(script.node.all<RoutesLearned>().empty());
}

TEST_CASE("events of connections long gone change nothing") {
    Script script;
    script.establish();
    const ConnectionId old{ConnectionId::Origin::opened, 77};
    script.node.said.clear();
    script.give(Received{old, encode_keepalive()});
    script.give(Closed{old, "reset"});
    script.give(ConnectFailed{old, "timed out"});
    script.give(Connected{old});
    script.give(StreamProgress{old, 1, 1});
    script.give(Announce{PeerId(9), {}});
    CHECK(script.node.said.empty());
    CHECK(script.node.view().state == State::established);
}

TEST_CASE("RFC 9687: a peer that never reads gets no more than a window, and is given up") {
    Script script;
    detour::bgp::SpeakerConfig config = left_config();
    AnnouncementSet wish;
    for (std::uint32_t i = 0; i < 60000; ++i) {
        const detour::Prefix each(detour::Address::ipv4(0x0a000000 + (i << 4)), 28);
        config.declared.push_back(each);
        wish[each].communities = {Community(i % 200)};
    }
    for (Output& output : script.node.speaker.configure(script.now, config))
        script.node.said.push_back(std::move(output));
    script.establish();
    script.give(Announce{peer, wish});
    std::size_t waiting = 0;
    for (const Send& send : script.node.all<Send>())
        waiting += send.bytes.size();
    CHECK(waiting < 300000);

    // The peer goes on sending keepalives and takes nothing.
    for (int i = 0; i < 48; ++i) {
        script.now += 10s;
        script.give(Tick{});
        script.hear(encode_keepalive());
    }
    CHECK(script.node.view().state == State::idle);
    CHECK(script.node.view().last_error->reason == DownReason::send_hold_timer);
    CHECK(script.node.view().last_error->text == "the peer stopped reading");
}

TEST_CASE("a peer that reads slowly gets everything, a window at a time") {
    Script script;
    detour::bgp::SpeakerConfig config = left_config();
    AnnouncementSet wish;
    for (std::uint32_t i = 0; i < 60000; ++i) {
        const detour::Prefix each(detour::Address::ipv4(0x0a000000 + (i << 4)), 28);
        config.declared.push_back(each);
        wish[each] = {};
    }
    for (Output& output : script.node.speaker.configure(script.now, config))
        script.node.said.push_back(std::move(output));
    script.establish();
    script.give(Announce{peer, wish});
    for (int i = 0; i < 100 && script.node.view().announced[0] < wish.size(); ++i) {
        const auto sends = script.node.all<Send>();
        script.give(StreamProgress{script.connection, sends.back().end, sends.back().end});
    }
    CHECK(script.node.view().announced[0] == 60000);
}

TEST_CASE("calls by the thousand cost one connection, and the session nothing") {
    Script script;
    script.establish(GracefulRestart{});
    const ConnectionId session = script.connection;
    script.node.said.clear();
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const bool is_stranger = i % 2 == 0;
        script.give(Accepted{{ConnectionId::Origin::accepted, 100 + i},
                             left_address,
                             is_stranger ? address("192.0.2.99") : right_address});
    }
    CHECK(script.node.all<Close>().size() == 4999);
    CHECK(script.node.view().state == State::established);
    // The one that is tracked (RFC 4724 5) says nothing, and goes after the large hold time.
    for (int i = 0; i < 25; ++i) {
        script.now += 10s;
        script.give(Tick{});
        script.hear(encode_keepalive());
    }
    CHECK(script.node.all<Close>().size() == 5000);
    CHECK(script.connection == session);
    CHECK(script.node.view().state == State::established);
    script.hear(good_update());
    CHECK(script.node.view().received[0] == 1);
}

TEST_CASE("a route that flaps at full speed leaves nothing behind") {
    Script script;
    script.establish();
    const Bytes gone = message(MessageType::update, update_body(nlri_198, {}, {}));
    Bytes burst;
    for (int i = 0; i < 500; ++i)
        burst = concatenated({burst, good_update(), gone});
    for (int i = 0; i < 20; ++i) {
        script.hear(burst);
        script.node.said.clear();
    }
    CHECK(script.node.view().in.updates == 20000);
    CHECK(script.node.view().received[0] == 0);
    CHECK(script.node.view().state == State::established);
}

TEST_CASE("random damage to a stream never breaks a session machine") {
    std::mt19937 random(20261120);
    const Bytes stream = concatenated({Script::open(), encode_keepalive(), good_update(),
                                       encode(RouteRefresh{detour::Family::ipv6}),
                                       encode(Notification(CeaseReason::administrative_reset))});
    for (int round = 0; round < 2000; ++round) {
        Script script;
        Bytes damaged = stream;
        for (unsigned i = 0; i < 1 + random() % 3; ++i)
            damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
        for (std::size_t at = 0; at < damaged.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 40, damaged.size() - at);
            script.hear(Bytes(damaged.begin() + static_cast<std::ptrdiff_t>(at),
                              damaged.begin() + static_cast<std::ptrdiff_t>(at + size)));
            at += size;
        }
        script.now += 5min;
        script.give(Tick{});
        script.give(Tick{});
        CHECK(script.node.view().state <= State::active);
    }
}

TEST_CASE("what is asked of a big table is looked up, and cut off in the order of its prefixes") {
    Script script;
    script.establish();
    const auto hear = [&](const Bytes& path, const Bytes& nlri) {
        script.hear(message(MessageType::update,
                            update_body({}, concatenated({origin_igp, path, next_hop_1}), nlri)));
    };
    hear(path_64496, {16, 198, 51, 24, 198, 51, 100, 25, 198, 51, 100, 128, 8, 10});
    hear(attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf4}), {32, 198, 51, 100, 200});
    const Speaker& speaker = script.node.speaker;
    const auto shown = [&](const RouteSelection& selection) {
        const SelectedRoutes selected = speaker.routes(peer, selection);
        std::string text;
        for (const RouteView& route : selected.routes)
            text += route.prefix.to_string() + " ";
        return text + "and " + std::to_string(selected.left_off);
    };
    using Match = RouteSelection::Match;
    CHECK(shown({}) ==
          "10.0.0.0/8 198.51.0.0/16 198.51.100.0/24 198.51.100.128/25 198.51.100.200/32 and 0");
    CHECK(shown({.limit = 2}) == "10.0.0.0/8 198.51.0.0/16 and 3");
    CHECK(shown({.limit = 0}) == "and 5");
    CHECK(shown({prefix("198.51.100.0/24")}) == "198.51.100.0/24 and 0");
    CHECK(shown({prefix("198.51.100.0/23")}) == "and 0");
    CHECK(shown({prefix("198.51.100.0/24"), Match::longer, 2}) ==
          "198.51.100.0/24 198.51.100.128/25 and 1");
    CHECK(shown({prefix("198.51.100.129/32"), Match::covering}) ==
          "198.51.0.0/16 198.51.100.0/24 198.51.100.128/25 and 0");
    const auto longest = [&](std::string_view text) {
        const auto route = speaker.longest_match(peer, address(text));
        return route ? route->prefix.to_string() : "none";
    };
    CHECK(longest("198.51.100.200") == "198.51.100.128/25");  // the /32 is not believed
    CHECK(longest("198.51.100.7") == "198.51.100.0/24");
    CHECK(longest("198.51.7.7") == "198.51.0.0/16");
    CHECK(longest("192.0.2.1") == "none");
    CHECK(longest("2001:db8::1") == "none");
    CHECK_FALSE(speaker.longest_match(PeerId(9), address("10.0.0.1")).has_value());
}
