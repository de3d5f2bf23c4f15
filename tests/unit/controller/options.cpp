// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the islands are told of the configuration.
#include "controlplane/controller/options.h"

#include <doctest/doctest.h>

#include "tests/unit/controller/bench.h"

using namespace bench;
using namespace std::chrono_literals;

TEST_CASE("every figure of the configuration's timing reaches the island that uses it") {
    const model::Config config =
        story("forgiven-gap: 333ms, start-up-grace: 3s, link-up-grace: 4s, armed-age: 5s",
              "withdraw-gate: 6s, first-life: 7s, complete: 8s, overlap: 9s, stair-step: 10s, "
              "stable-time: 11s, canary: 12s, canary-interval: 13s");
    const auto limits = controller::decision_options(config).thresholds;
    CHECK(limits.t_min == 333ms);
    CHECK(limits.startup_grace == 3s);
    CHECK(limits.link_grace == 4s);
    CHECK(limits.armed_age == 5s);
    CHECK(limits.gate == 6s);
    CHECK(limits.first_life == 7s);
    CHECK(limits.complete == 8s);
    CHECK(limits.overlap == 9s);
    CHECK(limits.stair_step == 10s);
    CHECK(limits.stable_time == 11s);
    CHECK(limits.canary == 12s);
    CHECK(limits.canary_every == 13s);
    CHECK(controller::probe_options(config, 1).schedule.armed_age == 5s);
}

TEST_CASE("no figure that depends on the profile is left out") {
    for (const auto profile :
         {model::Profile::careful, model::Profile::quick, model::Profile::fast}) {
        const model::Timing timing = model::timing_of(profile);
        const auto schedule = controller::schedule(timing);
        for (const Duration figure :
             {schedule.idle_interval, schedule.suspect_interval, schedule.timeout_floor,
              schedule.timeout_cap, schedule.timeout_pad, schedule.gap_min, schedule.gap_max,
              schedule.armed_age, schedule.burst_length, schedule.burst_share, schedule.late_reply})
            CHECK(figure > 0s);
        CHECK(schedule.idle_rate > 0);
        CHECK(schedule.suspect_rate > schedule.idle_rate);
        const auto limits = controller::thresholds(timing);
        for (const Duration figure :
             {limits.t_min, limits.scheduling_gap, limits.reply_timeout, limits.stable_time,
              limits.startup_grace, limits.link_grace, limits.armed_age, limits.first_life,
              limits.complete, limits.overlap, limits.stair_step, limits.canary,
              limits.canary_every, limits.acknowledge})
            CHECK(figure > 0s);
        CHECK(limits.gate == timing.withdraw_gate);
        CHECK(limits.mass_window == timing.mass_window);
    }
}

TEST_CASE("a peer a session, numbered in the order of the file, with our next hop of each family") {
    const model::Config config = story();
    const auto speaker = controller::speaker_config(config, {{provider, "secret"}});
    CHECK(speaker.asn == AsNumber(64500));
    CHECK(speaker.declared.size() == 3);
    REQUIRE(speaker.peers.size() == 3);
    for (std::uint16_t i = 0; i < 3; ++i)
        CHECK(speaker.peers[i].id == bgp::PeerId(i));
    const controller::PeerBook book(config);
    std::vector<UplinkId> uplinks;
    for (const bgp::PeerId peer : book.peers())
        uplinks.push_back(*book[peer].id);
    CHECK(uplinks == std::vector{provider, provider, partner});
    const auto& over_ipv6 = speaker.peers[1];
    CHECK(over_ipv6.transport.remote == *Address::parse("2001:db8:1::1"));
    CHECK(over_ipv6.transport.local == *Address::parse("2001:db8:1::2"));
    CHECK(over_ipv6.transport.device == "wan0");
    CHECK(over_ipv6.transport.password == "secret");
    CHECK(over_ipv6.next_hops[0] == *Address::parse("192.0.2.2"));
    CHECK(over_ipv6.next_hops[1] == *Address::parse("2001:db8:1::2"));
    const auto& tunnelled = speaker.peers[2];
    CHECK(tunnelled.transport.device == "partner");
    CHECK(tunnelled.transport.password.empty());
    CHECK(tunnelled.next_hops[1] == *Address::parse("2001:db8:ff::1"));
}

TEST_CASE("a beacon's prefix is counted over the set for probes, within the family for decisions") {
    const model::Config config = story();
    const auto probes = controller::probe_options(config, 1);
    const auto decisions = controller::decision_options(config);
    REQUIRE(probes.sets[1].beacons.size() == 4);
    CHECK(probes.sets[1].beacons[2].prefix == 1);
    CHECK(decisions.sets[1].beacons[2].prefix == 0);
    CHECK(decisions.sets[1].has_ipv6);
    CHECK_FALSE(decisions.sets[0].has_ipv6);
}

TEST_CASE("a tunnel's inner MTU is its port's, less IPv4, GRE and the key") {
    const auto probes = controller::probe_options(story(), 1);
    CHECK(probes.uplinks[0].mtu == 1500);
    CHECK(probes.uplinks[1].mtu == 1472);
}
