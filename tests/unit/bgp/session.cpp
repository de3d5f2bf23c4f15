// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Two speakers back to back.
#include <doctest/doctest.h>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Duration;
using detour::Family;
using detour::Prefix;
using namespace std::chrono_literals;

TEST_CASE("two speakers reach Established and say what they agreed on") {
    const auto world = established_world();
    CHECK(world->left.states() == "Connect OpenSent OpenConfirm Established");
    CHECK(world->right.states() == "Active OpenSent OpenConfirm Established");
    const PeerView view = world->left.view();
    CHECK(view.state == State::established);
    CHECK(view.negotiated->families == std::array{true, true});
    CHECK(view.negotiated->hold == 90s);
    CHECK(view.negotiated->has_four_octet_as);
    CHECK(view.router_id == right_address);
    CHECK(view.established_count == 1);
    CHECK_FALSE(view.last_error.has_value());
    CHECK(view.in.opens == 1);
    CHECK(world->left.all<EndOfRib>().size() == 2);
}

TEST_CASE("an announcement arrives with its attributes, of both families over one session") {
    const auto world = established_world();
    Announcement leaving;
    leaving.prepend = 2;
    leaving.communities = {graceful_shutdown};
    world->give(world->left, Announce{peer, {{mail, {}}, {web, leaving}, {web6, {}}}});
    world->run(10ms);
    const auto routes = world->right.speaker.routes(peer);
    REQUIRE(routes.size() == 3);
    CHECK(to_string(*routes[0].attributes) == "ORIGIN IGP, AS_PATH 64500, NEXT_HOP 192.0.2.2");
    CHECK(to_string(*routes[1].attributes) ==
          "ORIGIN IGP, AS_PATH 64500 64500 64500, NEXT_HOP 192.0.2.2, COMMUNITIES "
          "GRACEFUL_SHUTDOWN");
    CHECK(to_string(*routes[2].attributes) == "ORIGIN IGP, AS_PATH 64500, NEXT_HOP 2001:db8:1::2");
    CHECK(learned(world->right) == std::vector{mail, web, web6});
    CHECK(world->left.view().announced == std::array<std::size_t, 2>{2, 1});
    CHECK(world->right.view().accepted == std::array<std::size_t, 2>{2, 1});

    world->give(world->left, Announce{peer, {{web, {}}}});
    world->run(10ms);
    CHECK(table(world->right) == std::vector{web});
    const auto withdrawn = world->right.all<RoutesWithdrawn>();
    REQUIRE(withdrawn.size() == 2);
    CHECK(withdrawn[0].prefixes == std::vector{mail});
    CHECK(withdrawn[1].prefixes == std::vector{web6});
}

TEST_CASE("a wish from before the session is made true when it comes, End-of-RIB behind it") {
    const auto world = std::make_unique<World>();
    SpeakerConfig right = right_config();
    right.peers[0].opening = Opening::passive;
    world->configure(world->left, left_config());
    world->give(world->left, Announce{peer, {{mail, {}}}});
    CHECK(world->left.speaker.announcements(peer)[0].progress == Progress::pending);
    world->configure(world->right, right);
    world->run(10s);
    CHECK(table(world->right) == std::vector{mail});
    CHECK(world->left.speaker.announcements(peer)[0].progress == Progress::acknowledged);
    // The right one heard the route before the marker.
    std::string order;
    for (const Output& output : world->right.said)
        order += std::holds_alternative<RoutesLearned>(output) ? "R"
                 : std::holds_alternative<EndOfRib>(output)    ? "E"
                                                               : "";
    CHECK(order == "REE");
}

TEST_CASE("an announcement is sent at once and acknowledged when the peer's TCP has it") {
    const auto world = established_world();
    world->left.said.clear();
    world->delay = 20ms;
    world->give(world->left, Announce{peer, {{mail, {}}}});
    auto progress = world->left.all<AnnouncementProgress>();
    REQUIRE(progress.size() == 1);
    CHECK(progress[0].progress == Progress::sent);
    const auto sends = world->left.all<Send>();
    REQUIRE(sends.size() == 1);
    CHECK(sends[0].wants_acknowledgement);

    world->run(39ms);
    CHECK(world->left.all<AnnouncementProgress>().size() == 1);
    world->run(2ms);
    progress = world->left.all<AnnouncementProgress>();
    REQUIRE(progress.size() == 2);
    CHECK(progress[1].progress == Progress::acknowledged);
    CHECK(progress[1].announced == std::vector{mail});
    CHECK(world->left.view().unacknowledged == 0);
}

TEST_CASE("only declared prefixes are announced, whatever is asked for") {
    const auto world = established_world();
    const Prefix foreign = prefix("192.0.2.0/24");
    world->give(world->left, Announce{peer, {{mail, {}}, {foreign, {}}}});
    world->run(10ms);
    CHECK(table(world->right) == std::vector{mail});
    const auto refused = world->left.all<AnnouncementRefused>();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].prefix == foreign);
}

TEST_CASE("the stream may be cut anywhere: one byte at a time comes to the same") {
    const auto whole = established_world();
    const auto bytewise = established_world();
    for (World* world : {whole.get(), bytewise.get()}) {
        world->chunk = world == whole.get() ? 1 << 20 : 1;
        world->break_connections();
        world->give(world->left, Announce{peer, {{mail, {}}, {web, {}}, {web6, {}}}});
        world->run(5s);
        CHECK(world->left.view().state == State::established);
    }
    CHECK(table(bytewise->right) == table(whole->right));
    CHECK(table(whole->right).size() == 3);
}

TEST_CASE("RFC 4271 6.5: a silent peer is given up when the hold time is over") {
    const auto world = established_world(
        [](SpeakerConfig&, SpeakerConfig& right) { right.peers[0].timers.hold = 9s; });
    world->give(world->right, Announce{peer, {{prefix("0.0.0.0/0"), {}}}});
    world->run(60s);
    REQUIRE(world->left.view().state == State::established);
    world->is_cut = true;
    world->left.said.clear();
    world->run(5900ms);
    CHECK(world->left.view().state == State::established);
    world->run(3100ms);
    const auto changes = world->left.all<StateChanged>();
    REQUIRE(!changes.empty());
    CHECK(changes[0].from == State::established);
    CHECK(changes[0].to == State::idle);
    CHECK(changes[0].error->reason == DownReason::hold_timer);
    CHECK(changes[0].error->notification->code == ErrorCode::hold_timer_expired);
    CHECK(world->left.all<RoutesWithdrawn>()[0].prefixes == std::vector{prefix("0.0.0.0/0")});
    CHECK(world->left.view().last_error->reason == DownReason::hold_timer);
}

TEST_CASE("RFC 4271 4.4: keepalives keep a quiet session up") {
    const auto world = established_world(
        [](SpeakerConfig& left, SpeakerConfig&) { left.peers[0].timers.hold = 3s; });
    world->run(4h);
    CHECK(world->left.view().established_count == 1);
    CHECK(world->left.view().in.keepalives >= 4 * 3600 - 10);
}

TEST_CASE("RFC 4271 6.8: of two simultaneous calls the one of the higher identifier is kept") {
    const auto world = std::make_unique<World>();
    world->configure(world->left, left_config());
    world->configure(world->right, right_config());
    world->run(5s);
    CHECK(world->left.view().state == State::established);
    CHECK(world->right.view().state == State::established);
    CHECK(world->left.view().established_count == 1);
    CHECK(world->right.view().established_count == 1);
    CHECK(world->left.view().out.notifications + world->right.view().out.notifications >= 1);
    // Left has the higher identifier: its own call is the one that lives.
    world->left.said.clear();
    world->give(world->left, Announce{peer, {{mail, {}}}});
    CHECK(world->left.all<Send>()[0].connection.origin == ConnectionId::Origin::opened);
    world->run(1min);
    CHECK(world->left.view().established_count == 1);
    CHECK(table(world->right) == std::vector{mail});
    // Neither called it an error.
    CHECK_FALSE(world->left.view().last_error.has_value());
    CHECK_FALSE(world->right.view().last_error.has_value());
}

TEST_CASE("RFC 4271 6.8: a collision is resolved however the bytes are cut") {
    for (const std::size_t chunk : {1U, 18U, 19U, 20U, 47U, 4096U}) {
        CAPTURE(chunk);
        const auto world = std::make_unique<World>();
        world->chunk = chunk;
        world->configure(world->left, left_config());
        world->configure(world->right, right_config());
        world->give(world->left, Announce{peer, {{mail, {}}}});
        world->run(5s);
        CHECK(world->left.view().state == State::established);
        CHECK(table(world->right) == std::vector{mail});
    }
}

TEST_CASE("RFC 4271 8.2.2: an established session is not given up for a new call") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig&) {
        left.peers[0].timers.restart = Duration::zero();  // with it, see restart.cpp
    });
    world->left.said.clear();
    const ConnectionId stranger{ConnectionId::Origin::accepted, 999};
    world->give(world->left, Accepted{stranger, left_address, right_address});
    REQUIRE(world->left.all<Close>().size() == 1);
    CHECK(world->left.all<Close>()[0].connection == stranger);
    CHECK(world->left.view().state == State::established);
}

TEST_CASE("calls of strangers are closed without a word") {
    const auto world = established_world();
    world->left.said.clear();
    const ConnectionId stranger{ConnectionId::Origin::accepted, 999};
    world->give(world->left, Accepted{stranger, left_address, address("192.0.2.77")});
    CHECK(world->left.said.size() == 1);
    CHECK(world->left.all<Close>()[0].connection == stranger);
}

TEST_CASE("a lost session comes back by itself and everything is announced again") {
    const auto world = established_world();
    world->give(world->left, Announce{peer, {{mail, {}}, {web6, {}}}});
    world->run(1s);
    world->break_connections();
    CHECK(world->left.view().state == State::idle);
    CHECK(world->left.view().last_error->reason == DownReason::connection_lost);
    CHECK(world->left.speaker.announcements(peer)[0].progress == Progress::pending);
    world->give(world->left, Announce{peer, {{web, {}}, {web6, {}}}});
    world->run(10s);
    CHECK(world->left.view().established_count == 2);
    CHECK(table(world->right) == std::vector{web, web6});
    CHECK(world->left.speaker.announcements(peer)[0].progress == Progress::acknowledged);
}

TEST_CASE("a peer that is not there is called again and again, and heard when it calls") {
    const auto world = std::make_unique<World>();
    world->configure(world->left, left_config());
    world->run(1min);
    CHECK(world->left.view().state == State::active);
    const std::size_t calls = world->left.all<Connect>().size();
    CHECK(calls >= 11);
    CHECK(calls <= 16);
    CHECK(world->left.view().last_error->reason == DownReason::connect_failed);
    CHECK(world->left.view().last_error->text == "connection refused");
    world->configure(world->right, right_config());
    world->run(100ms);
    CHECK(world->left.view().state == State::established);
}

TEST_CASE("RFC 4486, 9003: an operator's stop says why, and is not undone by itself") {
    const auto world = established_world();
    world->give(world->left, Stop{peer, "maintenance until 04:00"});
    world->run(100ms);
    CHECK(world->left.view().state == State::idle);
    CHECK(world->left.view().is_stopped);
    const auto error = world->right.view().last_error;
    REQUIRE(error.has_value());
    CHECK(error->reason == DownReason::peer_shut_down);
    CHECK(error->text ==
          "received Cease/Hard Reset: Cease/Administrative Shutdown: maintenance until 04:00");
    world->run(1h);
    CHECK(world->left.view().state == State::idle);
    CHECK(world->left.view().established_count == 1);

    world->give(world->left, Start{peer});
    world->run(1s);
    CHECK(world->left.view().state == State::established);
    CHECK_FALSE(world->left.view().is_stopped);
}

TEST_CASE("a peer whose operator shut the session down is not called, but heard when it calls") {
    const auto world = established_world();
    world->give(world->right, Stop{peer, ""});
    world->run(1s);
    world->left.said.clear();
    world->run(1h);
    CHECK(world->left.all<Connect>().empty());
    CHECK(world->left.view().state == State::active);

    SUBCASE("its call is answered, and after that all is as before") {
        SpeakerConfig calling = right_config();
        calling.peers[0].opening = Opening::active;
        world->configure(world->right, calling);
        world->give(world->right, Start{peer});
        world->run(1s);
        REQUIRE(world->left.view().state == State::established);
        world->left.said.clear();
        world->break_connections();
        world->run(10s);
        CHECK(world->left.all<Connect>().size() >= 1);
    }
    SUBCASE("our operator may insist") {
        world->give(world->right, Start{peer});
        world->give(world->left, Start{peer});
        world->run(1s);
        CHECK(world->left.view().state == State::established);
    }
}

TEST_CASE("RFC 4486 4: more routes than allowed end the session, which stays away for a while") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig& right) {
        left.peers[0].max_prefixes = 2;
        right.declared = {prefix("10.0.0.0/8"), prefix("11.0.0.0/8"), prefix("12.0.0.0/8")};
    });
    world->give(world->right,
                Announce{peer, {{prefix("10.0.0.0/8"), {}}, {prefix("11.0.0.0/8"), {}}}});
    world->run(1s);
    CHECK(world->left.view().received[0] == 2);
    world->give(world->right, Announce{peer,
                                       {{prefix("10.0.0.0/8"), {}},
                                        {prefix("11.0.0.0/8"), {}},
                                        {prefix("12.0.0.0/8"), {}}}});
    world->run(1s);
    const auto error = world->left.view().last_error;
    REQUIRE(error.has_value());
    CHECK(error->reason == DownReason::max_prefixes);
    CHECK(error->notification == Notification(CeaseReason::max_prefixes, {0, 1, 1, 0, 0, 0, 2}));
    CHECK(error->text == "more than 2 ipv4 prefixes");
    CHECK(table(world->left).empty());
    CHECK(world->right.view().last_error->text ==
          "received Cease/Hard Reset: Cease/Maximum Number of Prefixes Reached");
    world->run(14min);
    CHECK(world->left.view().state == State::idle);
    world->give(world->right, Announce{peer, {{prefix("10.0.0.0/8"), {}}}});
    world->run(2min);
    CHECK(world->left.view().state == State::established);
}

TEST_CASE("RFC 2918: a refresh brings everything again, and changes nothing") {
    const auto world = established_world();
    world->give(world->left, Announce{peer, {{mail, {}}, {web6, {}}}});
    world->run(1s);
    const auto updates = world->right.view().in.updates;
    world->right.said.clear();
    world->give(world->right, RequestRefresh{peer, Family::ipv4});
    world->run(1s);
    CHECK(world->left.view().in.refreshes == 1);
    CHECK(world->right.view().in.updates == updates + 1);
    CHECK(world->right.all<RoutesLearned>().empty());
    CHECK(world->right.all<RoutesWithdrawn>().empty());
}

TEST_CASE("a new configuration touches only the sessions that it changes") {
    const auto world = established_world();
    world->give(world->left, Announce{peer, {{mail, {}}, {web, {}}}});
    world->run(1s);
    SUBCASE("the same again changes nothing") {
        world->left.said.clear();
        world->configure(world->left, left_config());
        CHECK(world->left.said.empty());
    }
    SUBCASE("limits and timers are taken over, and what is declared no more is withdrawn") {
        SpeakerConfig config = left_config();
        config.peers[0].max_prefixes = 5;
        config.declared = {mail};
        world->configure(world->left, config);
        world->run(1s);
        CHECK(world->left.view().established_count == 1);
        CHECK(table(world->right) == std::vector{mail});
    }
    SUBCASE("another hold time is another session") {
        SpeakerConfig config = left_config();
        config.peers[0].timers.hold = 30s;
        world->configure(world->left, config);
        world->run(10s);
        CHECK(world->right.view().last_error->text ==
              "received Cease/Hard Reset: Cease/Other Configuration Change");
        CHECK(world->left.view().negotiated->hold == 30s);
        CHECK(table(world->right) == std::vector{mail, web});
    }
    SUBCASE("a peer that is gone hears it") {
        SpeakerConfig config = left_config();
        config.peers.clear();
        world->configure(world->left, config);
        world->run(1s);
        CHECK(world->left.speaker.peers().empty());
        CHECK(world->left.all<StopListening>().size() == 1);
        CHECK(world->right.view().last_error->text ==
              "received Cease/Hard Reset: Cease/Peer De-configured");
        CHECK(table(world->right).empty());
        CHECK_FALSE(world->left.speaker.next_deadline().has_value());
    }
}

TEST_CASE("RFC 4271 6.2: a peer of another AS is told so") {
    const auto world = established_world(
        [](SpeakerConfig& left, SpeakerConfig&) { left.peers[0].asn = AsNumber(64999); });
    CHECK(world->left.view().last_error->text == "sent OPEN Message Error/Bad Peer AS");
    CHECK(world->right.view().last_error->text == "received OPEN Message Error/Bad Peer AS");
    CHECK(world->left.view().established_count == 0);
}

TEST_CASE("RFC 4760: a session over IPv6 carries both families, with our address of each") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig& right) {
        left.peers[0].transport.local = right.peers[0].transport.remote = address("2001:db8:1::2");
        left.peers[0].transport.remote = right.peers[0].transport.local = address("2001:db8:1::1");
    });
    world->give(world->left, Announce{peer, {{mail, {}}, {web6, {}}}});
    world->run(1s);
    const auto routes = world->right.speaker.routes(peer);
    REQUIRE(routes.size() == 2);
    CHECK(routes[0].attributes->next_hop == left_address);
    CHECK(routes[1].attributes->next_hop == address("2001:db8:1::2"));
}

TEST_CASE("internal peers: an empty path and a LOCAL_PREF") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig& right) {
        right.asn = left_asn;
        left.peers[0].asn = left_asn;
    });
    world->give(world->left, Announce{peer, {{mail, {}}}});
    world->run(1s);
    CHECK(to_string(*world->right.speaker.routes(peer)[0].attributes) ==
          "ORIGIN IGP, AS_PATH , NEXT_HOP 192.0.2.2, LOCAL_PREF 100");
}
