// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Graceful restart: a peer that restarts, and we that do.
#include <doctest/doctest.h>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Bytes;
using detour::Duration;
using detour::Family;
using detour::Instant;
using detour::Prefix;
using namespace std::chrono_literals;

namespace {

using Forwarding = GracefulRestart::Forwarding;

// What the peer offers: 120 s, both families, forwarding kept.
GracefulRestart offer() {
    return {false, true, 120s, {Forwarding::kept, Forwarding::kept}};
}

Bytes route_to(const Bytes& nlri) {
    return message(MessageType::update,
                   update_body({}, concatenated({origin_igp, path_64496, next_hop_1}), nlri));
}
const Bytes web_nlri = {24, 203, 0, 113};

Bytes end_of_rib(Family family) {
    Bytes marker;
    encode_end_of_rib(marker, family);
    return marker;
}

// A session with a peer of that offer, over which two routes came.
Script learned_script(const std::optional<GracefulRestart>& restart) {
    Script script;
    script.establish(restart);
    script.hear(concatenated({route_to(nlri_198), route_to(web_nlri), end_of_rib(Family::ipv4)}));
    REQUIRE(script.node.view().accepted[0] == 2);
    return script;
}

std::vector<Prefix> withdrawn(const Script& script) {
    std::vector<Prefix> prefixes;
    for (const auto& event : script.node.all<RoutesWithdrawn>())
        prefixes.insert(prefixes.end(), event.prefixes.begin(), event.prefixes.end());
    return prefixes;
}

// The graceful restart capability of the OPEN that was sent last.
std::optional<GracefulRestart> offered(const Node& node) {
    std::optional<GracefulRestart> result;
    for (const Send& send : node.all<Send>()) {
        Framer framer;
        framer.feed(send.bytes);
        for (auto frame = framer.next(); frame && *frame; frame = framer.next())
            if ((*frame)->type == MessageType::open)
                result = decode_open((*frame)->body)->capabilities.graceful;
    }
    return result;
}

const std::vector<Prefix> both{mail, web};

}  // namespace

TEST_CASE("RFC 4724 4.2: routes of a restarting peer stay, and what it does not say again goes") {
    Script script = learned_script(offer());
    script.give(Closed{script.connection, ""});
    CHECK(script.node.view().state == State::idle);
    CHECK(withdrawn(script).empty());
    CHECK(script.node.view().accepted[0] == 2);
    CHECK(script.node.view().stale[0] == 2);
    CHECK(script.node.view().restarting_until == script.now + 120s);

    script.reconnect();
    script.establish(offer());
    CHECK_FALSE(script.node.view().restarting_until.has_value());
    script.hear(route_to(nlri_198));
    CHECK(withdrawn(script).empty());
    script.hear(end_of_rib(Family::ipv6));
    CHECK(withdrawn(script).empty());
    script.node.said.clear();
    script.hear(end_of_rib(Family::ipv4));
    CHECK(withdrawn(script) == std::vector{web});
    // Nobody was told of the route that stayed.
    CHECK(script.node.all<RoutesLearned>().empty());
    CHECK(script.node.view().stale[0] == 0);
}

TEST_CASE("RFC 4724 4.2, RFC 8538 4: after which ends routes stay, and after which they go") {
    struct Row {
        const char* what;
        std::optional<GracefulRestart> offer;
        std::function<void(Script&)> end;
        bool is_kept;
    };
    const auto lost = [](Script& script) { script.give(Closed{script.connection, "reset"}); };
    const auto cease = [](CeaseReason reason) {
        return [reason](Script& script) { script.hear(encode(Notification(reason))); };
    };
    const auto silence = [](Script& script) {
        script.now += 90s;
        script.give(Tick{});
    };
    const auto garbage = [](Script& script) { script.hear(Bytes(19, 0)); };
    GracefulRestart old = offer();
    old.covers_notifications = false;
    GracefulRestart helper_only = offer();
    helper_only.families = {};
    GracefulRestart no_time = offer();
    no_time.time = 0s;
    const std::vector<Row> rows{
        {"the connection is lost", offer(), lost, true},
        {"the same without the N bit", old, lost, true},
        {"the peer did not offer it", std::nullopt, lost, false},
        {"it preserves no family", helper_only, lost, false},
        {"its restart time is zero", no_time, lost, false},
        {"RFC 8538: a Cease with the N bit", offer(), cease(CeaseReason::administrative_reset),
         true},
        {"a Cease without it", old, cease(CeaseReason::administrative_reset), false},
        {"RFC 8538: a Hard Reset", offer(), cease(CeaseReason::hard_reset), false},
        {"RFC 8538: an error of its own, with the N bit", offer(), garbage, true},
        {"an error without it", old, garbage, false},
        {"silence: the way may be dead", offer(), silence, false},
        {"we stopped it", offer(),
         [](Script& script) {
             script.give(Stop{peer, ""});
         },
         false},
        {"the way is known to be dead", offer(),
         [&](Script& script) {
             script.give(ForwardingJudged{peer, ForwardingJudged::Verdict::dead});
             lost(script);
         },
         false},
        {"it was dead and is alive", offer(),
         [&](Script& script) {
             script.give(ForwardingJudged{peer, ForwardingJudged::Verdict::dead});
             script.give(ForwardingJudged{peer, ForwardingJudged::Verdict::alive});
             lost(script);
         },
         true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Script script = learned_script(row.offer);
        script.node.said.clear();
        row.end(script);
        CHECK(script.node.view().state == State::idle);
        CHECK(withdrawn(script) == (row.is_kept ? std::vector<Prefix>{} : both));
        CHECK(script.node.view().accepted[0] == (row.is_kept ? 2U : 0U));
        CHECK(script.node.view().restarting_until.has_value() == row.is_kept);
    }
}

TEST_CASE("RFC 4724 4.2: what we said may stay with a peer that lost only the connection") {
    GracefulRestart helper_only = offer();
    helper_only.families = {};
    Script script = learned_script(helper_only);
    script.give(Closed{script.connection, "reset"});
    CHECK(script.node.view().kept_until == script.now + 30s);  // what we offered

    SUBCASE("until the session is back") {
        script.reconnect();
        script.establish(helper_only);
        CHECK_FALSE(script.node.view().kept_until.has_value());
    }
    SUBCASE("until the time is over") {
        script.node.said.clear();
        script.now += 30s;
        script.give(Tick{});
        CHECK_FALSE(script.node.view().kept_until.has_value());
        CHECK(script.node.all<RestartEnded>().size() == 1);
    }
    SUBCASE("unless it says no when we call again") {
        script.reconnect();
        script.hear(encode(Notification(CeaseReason::administrative_shutdown)));
        CHECK_FALSE(script.node.view().kept_until.has_value());
    }
    SUBCASE("unless the way is dead") {
        script.give(ForwardingJudged{peer, ForwardingJudged::Verdict::dead});
        CHECK_FALSE(script.node.view().kept_until.has_value());
    }
}

TEST_CASE("RFC 4724 4.2: nothing stays with a peer that ended the session, or knows no restart") {
    Script ended = learned_script(offer());
    ended.hear(encode(Notification(CeaseReason::administrative_reset)));
    CHECK_FALSE(ended.node.view().kept_until.has_value());
    Script plain = learned_script(std::nullopt);
    plain.give(Closed{plain.connection, "reset"});
    CHECK_FALSE(plain.node.view().kept_until.has_value());
}

TEST_CASE("RFC 4724 4.2: a peer that did not keep forwarding loses its routes when it is back") {
    struct Row {
        const char* what;
        std::optional<GracefulRestart> back;
    };
    GracefulRestart lost = offer();
    lost.families = {Forwarding::lost, Forwarding::kept};
    GracefulRestart unlisted = offer();
    unlisted.families = {std::nullopt, Forwarding::kept};
    for (const Row& row : {Row{"the F bit is not set", lost}, Row{"not listed", unlisted},
                           Row{"the capability is gone", std::nullopt}}) {
        CAPTURE(row.what);
        Script script = learned_script(offer());
        script.give(Closed{script.connection, ""});
        script.reconnect();
        script.node.said.clear();
        script.establish(row.back);
        CHECK(withdrawn(script) == both);
    }
}

TEST_CASE("RFC 4724 4.2: a family that the peer does not preserve goes at once, the other stays") {
    GracefulRestart only_ipv6 = offer();
    only_ipv6.families = {std::nullopt, Forwarding::kept};
    Script script = learned_script(only_ipv6);
    script.give(Closed{script.connection, ""});
    CHECK(withdrawn(script) == both);
    CHECK(script.node.view().restarting_until.has_value());
}

TEST_CASE("RFC 4724 4.2: a peer that does not come back in its time loses its routes") {
    Script script = learned_script(offer());
    script.give(Closed{script.connection, ""});
    const Instant end = script.now + 120s;
    for (; script.now < end; script.now += 1s) {
        CHECK(withdrawn(script).empty());
        script.give(Tick{});
    }
    script.give(Tick{});
    CHECK(withdrawn(script) == both);
    CHECK(script.node.all<RestartEnded>().size() == 2);  // ours was over after 30 s
    CHECK(script.node.view().received[0] == 0);
}

TEST_CASE("RFC 4724 4.2: routes of a peer that asks for an hour are kept for our time, not its") {
    GracefulRestart greedy = offer();
    greedy.time = 4095s;
    Script script = learned_script(greedy);
    script.give(Closed{script.connection, ""});
    CHECK(script.node.view().restarting_until == script.now + 3min);
    script.now += 3min;
    script.give(Tick{});
    CHECK(withdrawn(script) == both);
}

TEST_CASE("a peer that came back and never ends its table loses what it did not say again") {
    Script script = learned_script(offer());
    script.give(Closed{script.connection, ""});
    script.reconnect();
    script.establish(offer());
    script.hear(route_to(nlri_198));
    for (int i = 0; i < 18; ++i) {
        CHECK(withdrawn(script).empty());
        script.now += 10s;
        script.hear(encode_keepalive());
        script.give(Tick{});
    }
    CHECK(withdrawn(script) == std::vector{web});
    CHECK(script.node.view().state == State::established);
}

TEST_CASE("RFC 4724 4.2: of a second restart only what was said since the first stays") {
    Script script = learned_script(offer());
    script.give(Closed{script.connection, ""});
    script.reconnect();
    script.establish(offer());
    script.hear(route_to(nlri_198));
    script.give(Closed{script.connection, ""});
    CHECK(withdrawn(script) == std::vector{web});
    CHECK(script.node.view().stale[0] == 1);
}

TEST_CASE("what the way is found to be while a peer restarts decides at once") {
    Script script = learned_script(offer());
    script.give(Closed{script.connection, ""});
    CHECK(withdrawn(script).empty());
    script.give(ForwardingJudged{peer, ForwardingJudged::Verdict::dead});
    CHECK(withdrawn(script) == both);
    CHECK(script.node.all<RestartEnded>().size() == 1);
    CHECK_FALSE(script.node.view().restarting_until.has_value());
}

TEST_CASE("RFC 4724 5: a peer that restarted unnoticed is believed when its OPEN comes") {
    Script script = learned_script(offer());
    const ConnectionId old = script.connection;
    const ConnectionId call{ConnectionId::Origin::accepted, 7};
    script.node.said.clear();
    script.give(Accepted{call, left_address, right_address});
    CHECK(script.node.all<Close>().empty());
    CHECK(script.node.view().state == State::established);
    // Another call while that one waits is not answered.
    const ConnectionId second{ConnectionId::Origin::accepted, 8};
    script.give(Accepted{second, left_address, right_address});
    REQUIRE(script.node.all<Close>().size() == 1);
    CHECK(script.node.all<Close>()[0].connection == second);

    script.connection = call;
    script.establish(offer());
    CHECK(script.node.all<Close>().back().connection == old);
    CHECK(withdrawn(script).empty());
    CHECK(script.node.view().stale[0] == 2);
    CHECK(script.node.view().established_count == 2);
    CHECK(script.node.view().last_error->text == "the peer has restarted and called again");
    script.hear(concatenated({route_to(web_nlri), end_of_rib(Family::ipv4)}));
    CHECK(withdrawn(script) == std::vector{mail});
}

TEST_CASE("RFC 4724 5: a call that brings no good OPEN costs the session nothing") {
    Script script = learned_script(offer());
    const ConnectionId old = script.connection;
    const ConnectionId call{ConnectionId::Origin::accepted, 7};
    script.give(Accepted{call, left_address, right_address});
    script.connection = call;
    SUBCASE("it is closed") {
        script.give(Closed{call, ""});
    }
    SUBCASE("it is not BGP") {
        script.hear(Bytes(100, 'x'));
    }
    SUBCASE("it is of another AS") {
        script.hear(encode(
            our_open(detour::AsNumber(64999), right_address, right_config().peers[0], offer())));
    }
    script.connection = old;
    CHECK(script.node.view().state == State::established);
    CHECK(script.node.view().accepted[0] == 2);
    script.hear(route_to({16, 10, 1}));
    CHECK(script.node.view().accepted[0] == 3);
}

TEST_CASE("RFC 4724 3: what we offer says whether we restarted and kept forwarding") {
    SpeakerConfig config = left_config();
    const auto first_offer = [&] {
        Script script;
        script.node = Node();
        script.node.said = script.node.speaker.configure(script.now, config);
        script.connection = script.node.all<Connect>().at(0).connection;
        script.give(Connected{script.connection});
        return std::pair(offered(script.node), std::move(script));
    };
    SUBCASE("a box that starts has kept nothing") {
        auto [restart, script] = first_offer();
        REQUIRE(restart.has_value());
        CHECK_FALSE(restart->is_restarting);
        CHECK(restart->covers_notifications);
        CHECK(restart->time == 30s);
        CHECK(restart->lists(Family::ipv4));
        CHECK_FALSE(restart->keeps_forwarding(Family::ipv4));
    }
    SUBCASE("one that took over has, and says so once; a lost session costs no forwarding") {
        config.is_resumed = true;
        auto [restart, script] = first_offer();
        CHECK(restart->is_restarting);
        CHECK(restart->keeps_forwarding(Family::ipv4));
        CHECK(restart->keeps_forwarding(Family::ipv6));
        script.establish(offer());
        script.give(Closed{script.connection, ""});
        script.node.said.clear();
        script.reconnect();
        const auto again = offered(script.node);
        CHECK_FALSE(again->is_restarting);
        CHECK(again->keeps_forwarding(Family::ipv4));
    }
    SUBCASE("notifications are not covered unless asked for") {
        config.peers[0].covers_notifications = PeerConfig().covers_notifications;
        auto [restart, script] = first_offer();
        CHECK_FALSE(restart->covers_notifications);
        script.establish(offer());
        script.give(Stop{peer, "night work"});
        CHECK(script.last_notification() == "Cease/Administrative Shutdown: night work");
    }
    SUBCASE("a restart time of zero offers nothing") {
        config.peers[0].timers.restart = 0s;
        auto [restart, script] = first_offer();
        CHECK_FALSE(restart.has_value());
    }
}

TEST_CASE("RFC 4724 4.1: what stood before our restart is said before End-of-RIB") {
    Script script;
    script.give(Announce{peer, {{mail, {}}, {web6, {}}}});
    script.node.said.clear();
    script.establish(offer());
    std::string order;
    for (const Send& send : script.node.all<Send>()) {
        Framer framer;
        framer.feed(send.bytes);
        for (auto frame = framer.next(); frame && *frame; frame = framer.next())
            if ((*frame)->type == MessageType::update) {
                const auto update =
                    decode_update((*frame)->body, both_families(), PeerScope::external);
                order += update->end_of_rib ? 'e' : 'U';
            }
    }
    CHECK(order == "UUee");
}

TEST_CASE("RFC 8538 3: what we end for good is a Hard Reset, where a Cease would be kept over") {
    GracefulRestart old = offer();
    old.covers_notifications = false;
    for (const auto& [restart, expected] :
         {std::pair(offer(), "Cease/Hard Reset: Cease/Administrative Shutdown: night work"),
          std::pair(old, "Cease/Administrative Shutdown: night work")}) {
        Script script = learned_script(restart);
        script.give(Stop{peer, "night work"});
        CHECK(script.last_notification() == expected);
        // What the operator is shown is the reason itself.
        CHECK(
            script.node.view().last_error->notification->is(CeaseReason::administrative_shutdown));
    }
}

TEST_CASE("RFC 8538 3: the reason inside a Hard Reset is understood") {
    Script script = learned_script(offer());
    script.hear(encode(Notification::hard_reset(
        Notification::shutdown(CeaseReason::administrative_shutdown, "circuit 4711"))));
    CHECK(script.node.view().last_error->reason == DownReason::peer_shut_down);
    CHECK(script.node.view().last_error->text ==
          "received Cease/Hard Reset: Cease/Administrative Shutdown: circuit 4711");
    // One that nests others is told once and read no deeper.
    Notification nested(CeaseReason::hard_reset);
    for (int i = 0; i < 500; ++i)
        nested = Notification::hard_reset(nested);
    CHECK(to_string(nested) == "Cease/Hard Reset");
    CHECK(Notification(CeaseReason::hard_reset, {6}).inner().is(CeaseReason::hard_reset));
}
