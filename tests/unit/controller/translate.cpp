// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/translate.h"

#include <doctest/doctest.h>

#include <array>
#include <utility>

#include "tests/unit/controller/scripted_peers.h"

using namespace bench;
using namespace std::chrono_literals;
using controller::session_state;
using decision::SessionState;
namespace probe = detour::probe;

TEST_CASE("an outcome keeps everything that it says") {
    probe::Outcome outcome;
    outcome.probe_class = probe::Class::sentinel;
    outcome.family = Family::ipv6;
    outcome.uplink = partner;
    outcome.set = PrefixSetId(1);
    outcome.beacon = 3;
    outcome.target = detour::TargetId(5);
    outcome.sentinel_of = provider;
    outcome.sentinel = 2;
    outcome.pair = 77;
    outcome.is_full_size = true;
    outcome.sent = Instant(9s);
    outcome.result = probe::Result::reversed;
    outcome.rtt = 12ms;
    outcome.arrival = provider;
    const decision::ProbeOutcome evidence = controller::to_evidence(outcome);
    CHECK(evidence.probe_class == decision::ProbeClass::sentinel);
    CHECK(evidence.kind == decision::ProbeKind::icmp);
    CHECK(evidence.family == Family::ipv6);
    CHECK(evidence.uplink == partner);
    CHECK(evidence.set == PrefixSetId(1));
    CHECK(evidence.beacon == 3);
    CHECK(evidence.target == detour::TargetId(5));
    CHECK(evidence.sentinel_of == provider);
    CHECK(evidence.sentinel == 2);
    CHECK(evidence.pair == 77);
    CHECK(evidence.is_full_size);
    CHECK(evidence.sent == Instant(9s));
    CHECK(evidence.result == decision::Result::reversed);
    CHECK(evidence.rtt == 12ms);
    CHECK(evidence.arrival == provider);
}

TEST_CASE("classes, results and levels keep their meaning") {
    constexpr std::array classes{std::pair(probe::Class::control, decision::ProbeClass::control),
                                 std::pair(probe::Class::beacon, decision::ProbeClass::beacon),
                                 std::pair(probe::Class::sentinel, decision::ProbeClass::sentinel),
                                 std::pair(probe::Class::tunnel, decision::ProbeClass::tunnel),
                                 std::pair(probe::Class::egress, decision::ProbeClass::egress)};
    constexpr std::array results{std::pair(probe::Result::ok, decision::Result::ok),
                                 std::pair(probe::Result::lost, decision::Result::lost),
                                 std::pair(probe::Result::reversed, decision::Result::reversed)};
    probe::Outcome outcome;
    for (const auto& [from, to] : classes) {
        outcome.probe_class = from;
        CHECK(controller::to_evidence(outcome).probe_class == to);
    }
    for (const auto& [from, to] : results) {
        outcome.result = from;
        CHECK(controller::to_evidence(outcome).result == to);
    }
    CHECK(controller::to_level(decision::Watch::away) == probe::Level::away);
    CHECK(controller::to_level(decision::Watch::watched) == probe::Level::watched);
    CHECK(controller::to_level(decision::Watch::suspect) == probe::Level::suspect);
    CHECK(controller::to_level(decision::Watch::canary) == probe::Level::canary);
}

TEST_CASE("an uplink's session of a family stands when any of its sessions carries it") {
    const model::Config config = story();
    ScriptedPeers peers(config);
    const std::vector sessions{provider4, provider6};
    CHECK(session_state(peers.speaker, sessions, Family::ipv4) == SessionState::down);
    peers.establish(provider6, AsNumber(64496), {Family::ipv4, Family::ipv6});
    CHECK(session_state(peers.speaker, sessions, Family::ipv4) == SessionState::established);
    CHECK(session_state(peers.speaker, sessions, Family::ipv6) == SessionState::established);
    peers.cut(provider6);
    peers.establish(provider4, AsNumber(64496), {Family::ipv4});
    CHECK(session_state(peers.speaker, sessions, Family::ipv4) == SessionState::established);
    CHECK(session_state(peers.speaker, sessions, Family::ipv6) == SessionState::down);
}

TEST_CASE("a neighbour that shut the session down is known as having refused it") {
    const model::Config config = story();
    ScriptedPeers peers(config);
    peers.establish(partner_peer, AsNumber(64497), {Family::ipv4});
    // RFC 8203: Cease, Administrative Shutdown.
    const bgp::Notification shutdown(bgp::ErrorCode::cease, 2);
    const Bytes bytes = bgp::encode(shutdown);
    peers.give(bgp::Received{peers.calls.at(partner_peer), bytes});
    CHECK(session_state(peers.speaker, {partner_peer}, Family::ipv4) == SessionState::down_refused);
}

TEST_CASE("how full an uplink is comes from two readings and its limit") {
    model::Config config = story();
    config.uplinks[0].limit = detour::BitRate{8'000'000};
    controller::PortLoads loads;
    const auto reading = [](std::uint64_t mail_bytes, std::uint64_t web_bytes) {
        return std::vector<decision::Counters>{
            {provider, {PrefixSetId(0), Family::ipv4}, 0, 0, mail_bytes},
            {provider, {PrefixSetId(1), Family::ipv4}, 0, 0, web_bytes},
            {partner, {PrefixSetId(0), Family::ipv4}, 0, 0, mail_bytes}};
    };
    CHECK(loads.measure(Instant(1s), reading(0, 0), config).empty());
    const auto measured = loads.measure(Instant(3s), reading(500'000, 300'000), config);
    REQUIRE(measured.size() == 1);
    CHECK(measured[0].uplink == provider);
    // 800,000 bytes in 2 s are 3.2 Mbit/s of 8.
    CHECK(measured[0].utilisation == doctest::Approx(0.4));
    // A counter that began again says nothing once, and then speaks again.
    CHECK(loads.measure(Instant(4s), reading(0, 0), config).empty());
    CHECK(loads.measure(Instant(5s), reading(1'000'000, 0), config).at(0).utilisation ==
          doctest::Approx(1));
}
