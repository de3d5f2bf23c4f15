// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Route refresh with its beginning and end marked, and roles, between two speakers.
#include <doctest/doctest.h>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Bytes;
using detour::Family;
using namespace std::chrono_literals;

namespace {

// The ROUTE-REFRESH and UPDATE messages that a node has sent, one letter each: B and E for the
// marks, R for a request, U for an UPDATE, e for End-of-RIB.
std::string messages(const Node& node) {
    std::string text;
    Framer framer;
    framer.allow_extended_messages();
    for (const Send& send : node.all<Send>())
        framer.feed(send.bytes);
    for (auto frame = framer.next(); frame && *frame; frame = framer.next()) {
        if ((*frame)->type == MessageType::route_refresh)
            text += "RBE"[static_cast<int>((*decode_route_refresh((*frame)->body))->kind)];
        if ((*frame)->type == MessageType::update)
            text += decode_update((*frame)->body, both_families(), PeerScope::external)->end_of_rib
                        ? 'e'
                        : 'U';
    }
    return text;
}

}  // namespace

TEST_CASE("RFC 7313 4: the answer to a refresh stands between its marks") {
    const auto world = established_world();
    world->give(world->left, Announce{peer, {{mail, {}}, {web6, {}}}});
    world->run(1s);
    world->left.said.clear();
    world->give(world->right, RequestRefresh{peer, Family::ipv4});
    world->run(1s);
    CHECK(messages(world->left) == "BUE");
    world->left.said.clear();
    // Nothing of the family is announced: the marks say so.
    world->give(world->left, Announce{peer, {{web6, {}}}});
    world->run(1s);
    world->left.said.clear();
    world->give(world->right, RequestRefresh{peer, Family::ipv4});
    world->run(1s);
    CHECK(messages(world->left) == "BE");
}

TEST_CASE("RFC 7313 4: what the answer does not bring again is gone, the other family is not") {
    const auto world = established_world();
    world->give(world->right, Announce{peer, {{prefix("0.0.0.0/0"), {}}, {prefix("::/0"), {}}}});
    world->run(1s);
    REQUIRE(table(world->left).size() == 2);
    const ConnectionId connection = world->left.all<Connect>().at(0).connection;
    world->left.said.clear();
    const auto hear = [&](RouteRefresh::Kind kind) {
        const Bytes bytes = encode(RouteRefresh{Family::ipv4, kind});
        world->give(world->left, Received{connection, bytes});
    };
    hear(RouteRefresh::Kind::begin);
    CHECK(table(world->left).size() == 2);
    CHECK(world->left.view().stale[0] == 1);
    CHECK(world->left.all<RoutesWithdrawn>().empty());
    hear(RouteRefresh::Kind::end);
    CHECK(table(world->left) == std::vector{prefix("::/0")});
    REQUIRE(world->left.all<RoutesWithdrawn>().size() == 1);
    CHECK(world->left.all<RoutesWithdrawn>()[0].prefixes == std::vector{prefix("0.0.0.0/0")});
}

TEST_CASE("RFC 7313 4: a refresh that is asked for too early waits for End-of-RIB") {
    Script script;
    script.give(Announce{peer, {{mail, {}}}});
    script.hear(Script::open());
    script.node.said.clear();
    script.hear(concatenated({encode_keepalive(), encode(RouteRefresh{Family::ipv4})}));
    CHECK(messages(script.node) == "UeeBUE");
}

TEST_CASE("RFC 7313 4: a beginning before End-of-RIB is ignored with graceful restart") {
    Script script;
    script.establish(GracefulRestart{});
    script.hear(good_update());
    script.hear(encode(RouteRefresh{Family::ipv4, RouteRefresh::Kind::begin}));
    CHECK(script.node.view().stale[0] == 0);
    Bytes marker;
    encode_end_of_rib(marker, Family::ipv4);
    script.hear(marker);
    script.hear(encode(RouteRefresh{Family::ipv4, RouteRefresh::Kind::begin}));
    CHECK(script.node.view().stale[0] == 1);
    // Heard again, it stays.
    script.hear(good_update());
    script.hear(encode(RouteRefresh{Family::ipv4, RouteRefresh::Kind::end}));
    CHECK(script.node.view().received[0] == 1);
}

TEST_CASE("RFC 7313 4: marks from a peer that did not say it sends them mean nothing") {
    Script script;
    Open plain = our_open(right_asn, right_address, right_config().peers[0]);
    plain.capabilities.has_enhanced_refresh = false;
    script.hear(concatenated({encode(plain), encode_keepalive(), good_update()}));
    script.hear(encode(RouteRefresh{Family::ipv4, RouteRefresh::Kind::begin}));
    script.hear(encode(RouteRefresh{Family::ipv4, RouteRefresh::Kind::end}));
    CHECK(script.node.view().received[0] == 1);
    // And none are sent to it.
    script.give(Announce{peer, {{mail, {}}}});
    script.node.said.clear();
    script.hear(encode(RouteRefresh{Family::ipv4}));
    CHECK(messages(script.node) == "U");
}

TEST_CASE("RFC 9234 4.2: a peer with the wrong role is told so") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig& right) {
        left.peers[0].role = Role::customer;
        right.peers[0].role = Role::peer;
    });
    CHECK(world->left.view().established_count == 0);
    CHECK(world->right.view().last_error->text.find("OPEN Message Error/Role Mismatch") !=
          std::string::npos);
}

TEST_CASE("RFC 9234 5: what a provider sends is marked on arrival, and not sent by a customer") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig& right) {
        left.peers[0].role = Role::customer;
        right.peers[0].role = Role::provider;
    });
    REQUIRE(world->left.view().state == State::established);
    world->give(world->right, Announce{peer, {{prefix("0.0.0.0/0"), {}}}});
    world->give(world->left, Announce{peer, {{mail, {}}}});
    world->run(1s);
    CHECK(world->left.speaker.routes(peer)[0].attributes->only_to_customer == right_asn);
    CHECK_FALSE(world->right.speaker.routes(peer)[0].attributes->only_to_customer.has_value());
}

TEST_CASE("RFC 4486 4: an operator's reset says so, and the session begins anew at once") {
    const auto world = established_world([](SpeakerConfig& left, SpeakerConfig&) {
        left.peers[0].timers.restart = detour::Duration::zero();
    });
    world->give(world->left, Announce{peer, {{mail, {}}}});
    world->give(world->left, Reset{peer, "a new line card"});
    world->run(10ms);
    CHECK(world->right.view().last_error->text ==
          "received Cease/Administrative Reset: a new line card");
    world->run(5s);
    CHECK(world->left.view().state == State::established);
    CHECK(world->left.view().established_count == 2);
    CHECK(table(world->right) == std::vector{mail});
}

TEST_CASE("RFC 7313 4: everything may be sent again without being asked for") {
    const auto world = established_world();
    world->give(world->left, Announce{peer, {{mail, {}}, {web6, {}}}});
    world->run(1s);
    world->left.said.clear();
    world->right.said.clear();
    world->give(world->left, Resend{peer});
    world->run(1s);
    CHECK(messages(world->left) == "BBUUEE");
    CHECK(world->right.all<RoutesLearned>().empty());
    CHECK(world->right.all<RoutesWithdrawn>().empty());
    CHECK(table(world->right) == std::vector{mail, web6});
}
