// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Both sides of every threshold of detection.md sections 1 to 3.
#include <doctest/doctest.h>

#include "controlplane/decision/measure.h"
#include "controlplane/decision/passive.h"
#include "tests/unit/decision/facts.h"

using namespace std::chrono_literals;
using namespace detour::decision;
using detour::Duration;
using detour::Instant;

namespace {

// Every condition of section 2 holds, and none by more than it must.
Facts just_dead() {
    Facts f = healthy();
    f.onset = noon - 7s;
    f.beacon = dead();
    f.passive = {.band = Band::dead, .before = 1000};
    f.beacon_age = 24h;
    f.good_controls = f.good_beacons = 30;
    f.findings.score = 33;
    f.findings.lost_targets = 4;
    f.findings.lost_asns = 2;
    f.findings.dead_beacons = 2;
    f.findings.span = 6s;
    f.findings.replies = 1;
    f.findings.control_all = 100;
    f.findings.control_lost = 20;
    f.findings.control_allowed = 0.2;
    f.findings.onset = f.onset;
    return f;
}

Facts congested() {
    Facts f = healthy();
    f.control = f.beacon = lossy();
    f.utilisation = 0.601;
    return f;
}

Facts absent() {
    Facts f = just_dead();
    f.passive.band = Band::absent;
    f.second.witnesses = 3;
    f.second.is_dead = true;
    return f;
}

struct Sides {
    const char* name;
    Facts (*on)();
    Verdict expected;
    void (*step_over)(Facts&);
    Verdict beyond;
};

}  // namespace

TEST_CASE("each threshold of the table: on it, and one step over it") {
    const std::vector<Sides> rows{
        {"score", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.score = 32.99; },
         Verdict::unclear},
        {"targets", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.lost_targets = 3; },
         Verdict::unclear},
        {"targets of seven", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.homed = 7; },
         Verdict::unclear},
        {"ASNs", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.lost_asns = 1; },
         Verdict::unclear},
        {"beacons", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.dead_beacons = 1; },
         Verdict::partial},
        {"T_min", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.span = 6s - 1ms; },
         Verdict::unclear},
        {"replies", just_dead, Verdict::nullrouted, [](Facts& f) { f.findings.replies = 2; },
         Verdict::partial},
        {"control loss", just_dead, Verdict::nullrouted,
         [](Facts& f) { f.findings.control_lost = 21; }, Verdict::unclear},
        {"good C", just_dead, Verdict::nullrouted, [](Facts& f) { f.good_controls = 29; },
         Verdict::unclear},
        {"good B", just_dead, Verdict::nullrouted, [](Facts& f) { f.good_beacons = 29; },
         Verdict::unclear},
        {"24 h", just_dead, Verdict::nullrouted, [](Facts& f) { f.beacon_age = 24h + 1s; },
         Verdict::never_proven},
        {"veto", just_dead, Verdict::nullrouted, [](Facts& f) { f.veto = "start-up grace"; },
         Verdict::unclear},
        {"passive partial", just_dead, Verdict::nullrouted,
         [](Facts& f) { f.passive.band = Band::partial; }, Verdict::partial},
        {"passive normal", just_dead, Verdict::nullrouted,
         [](Facts& f) { f.passive.band = Band::normal; }, Verdict::probe_filtered},
        {"second kind silent", just_dead, Verdict::nullrouted,
         [](Facts& f) { f.second.replies = 2; }, Verdict::unclear},
        {"absent, both kinds dead", absent, Verdict::nullrouted,
         [](Facts& f) { f.second.is_dead = false; }, Verdict::unclear},
        {"attack", just_dead, Verdict::nullrouted, [](Facts& f) { f.attack.is_seen = true; },
         Verdict::attacked},
        {"port", congested, Verdict::congested, [](Facts& f) { f.utilisation = 0.60; },
         Verdict::healthy},
        {"port, C not lossy", congested, Verdict::congested, [](Facts& f) { f.control = good(); },
         Verdict::healthy},
        {"port, B not lossy", congested, Verdict::congested, [](Facts& f) { f.beacon = good(); },
         Verdict::healthy},
        {"baseline", congested, Verdict::congested,
         [](Facts& f) {
             f.utilisation = 0;
             f.inbound_ratio = 3;
         },
         Verdict::healthy},
        {"u-homed targets",
         [] {
             Facts f = healthy();
             f.findings.homed = 3;
             return f;
         },
         Verdict::healthy, [](Facts& f) { f.findings.homed = 2; }, Verdict::unseen},
        {"caps", healthy, Verdict::healthy, [](Facts& f) { f.findings.can_reach = false; },
         Verdict::unseen},
        {"isolated: T since the onset",
         [] {
             Facts f = healthy();
             f.control = f.beacon = dead();
             f.is_inbound_dead = true;
             f.passive.band = Band::dead;
             return f;
         },
         Verdict::uplink_isolated, [](Facts& f) { f.is_tunnel_good_since = false; },
         Verdict::unclear},
        {"dead uplink: inbound",
         [] {
             Facts f = healthy();
             f.control = f.beacon = dead();
             f.sentinel = SentinelFacts::failed;
             f.is_inbound_dead = true;
             f.passive.band = Band::dead;
             return f;
         },
         Verdict::uplink_dead, [](Facts& f) { f.is_inbound_dead = false; }, Verdict::unclear},
        {"link down: T elsewhere",
         [] {
             Facts f = healthy();
             f.is_link_up = false;
             return f;
         },
         Verdict::uplink_dead, [](Facts& f) { f.is_tunnel_good = false; }, Verdict::unclear},
        {"filtered: every B of the uplink",
         [] {
             Facts f = healthy();
             f.beacon = dead();
             f.passive.band = Band::absent;
             f.are_all_beacons_dead = true;
             return f;
         },
         Verdict::probe_filtered, [](Facts& f) { f.are_all_beacons_dead = false; },
         Verdict::unclear},
        {"filtered: S",
         [] {
             Facts f = healthy();
             f.beacon = dead();
             f.passive.band = Band::absent;
             f.are_all_beacons_dead = true;
             return f;
         },
         Verdict::probe_filtered, [](Facts& f) { f.sentinel = SentinelFacts::unknown; },
         Verdict::unclear},
        {"control bad",
         [] {
             Facts f = healthy();
             f.control = dead();
             return f;
         },
         Verdict::control_bad, [](Facts& f) { f.beacon = lossy(); }, Verdict::unclear},
        {"sentinel bad",
         [] {
             Facts f = healthy();
             f.sentinel_window = dead();
             return f;
         },
         Verdict::sentinel_bad, [](Facts& f) { f.sentinel_window = lossy(); }, Verdict::healthy},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        Facts f = row.on();
        CHECK(to_string(judge(f, careful).verdict) == to_string(row.expected));
        row.step_over(f);
        CHECK(to_string(judge(f, careful).verdict) == to_string(row.beyond));
        // Whatever it is, it can be explained.
        CHECK(explain(f, careful, judge(f, careful)).rule == to_string(row.beyond));
    }
    Facts f = congested();
    f.utilisation = 0;
    f.inbound_ratio = 3.01;
    CHECK(judge(f, careful).verdict == Verdict::congested);
}

TEST_CASE("the table is read top down: the first row that matches") {
    // One fact more each time, from the last of these rows to the first.
    Facts f = just_dead();
    const auto verdict = [&] { return judge(f, careful).verdict; };
    CHECK(verdict() == Verdict::nullrouted);
    f.attack.is_seen = true;
    CHECK(verdict() == Verdict::attacked);
    f.origin = OriginState::State::foreign_origin;
    CHECK(verdict() == Verdict::hijack);
    f.origin = OriginState::State::roa_invalid;
    CHECK(verdict() == Verdict::roa_invalid);
    f.control = lossy();
    f.utilisation = 0.9;
    CHECK(verdict() == Verdict::congested);
    f.control = dead();
    f.is_inbound_dead = true;
    CHECK(verdict() == Verdict::uplink_isolated);
    f.sentinel = SentinelFacts::failed;
    CHECK(verdict() == Verdict::uplink_dead);
    f.session = SessionState::down;
    CHECK(verdict() == Verdict::session_down);
    f.is_announced = false;
    CHECK(verdict() == Verdict::away);
    f.are_all_dead = true;
    CHECK(verdict() == Verdict::local_fault);
    f.is_telemetry_lost = true;
    CHECK(verdict() == Verdict::dataplane_down);
}

namespace {

// Counters read each second: `before` packets/s for twelve minutes, then `since` for ten seconds.
PassiveFindings passive_after(double before, double since) {
    Passive passive(careful);
    double packets = 0;
    Instant now = noon;
    for (int second = 0; second < 720; ++second, now += 1s) {
        passive.add(now, static_cast<std::uint64_t>(packets), 0);
        packets += before;
    }
    const Instant onset = now;
    for (int second = 0; second <= 10; ++second, now += 1s) {
        passive.add(now, static_cast<std::uint64_t>(packets), 0);
        packets += since;
    }
    return passive.findings(onset, onset);
}

Passive::Attack attack_of(double factor, Duration ago) {
    Passive passive(careful);
    double packets = 0;
    Instant now = noon;
    const Instant end = noon + 15min;
    for (; now < end; now += 1s) {
        passive.add(now, static_cast<std::uint64_t>(packets), 0);
        const bool is_peak = now == end - ago;
        packets += is_peak ? 1000 * factor : 1000;
    }
    return passive.attack(end);
}

}  // namespace

TEST_CASE("the bands of P: dead below 5 %, normal above 50 %, absent below 20 packets/s") {
    CHECK(passive_after(1000, 0).band == Band::dead);
    CHECK(passive_after(1000, 49).band == Band::dead);
    CHECK(passive_after(1000, 51).band == Band::partial);
    CHECK(passive_after(1000, 499).band == Band::partial);
    CHECK(passive_after(1000, 501).band == Band::normal);
    CHECK(passive_after(19, 0).band == Band::absent);
    CHECK(passive_after(21, 0).band == Band::dead);
    // Nobody counts: as if there were nothing to count.
    Passive uncounted(careful);
    CHECK(uncounted.findings(noon, noon).band == Band::absent);
}

TEST_CASE("an attack is more than three times p95, within five minutes before") {
    CHECK_FALSE(attack_of(2.9, 1min).is_seen);
    CHECK(attack_of(3.1, 1min).is_seen);
    CHECK(attack_of(3.1, 4min + 50s).is_seen);
    CHECK_FALSE(attack_of(3.1, 5min + 10s).is_seen);
}

TEST_CASE("windows of ten: lossy from three lost, failing from eight") {
    const auto window = [](int lost) {
        LastTen ten;
        for (int i = 0; i < 10; ++i)
            ten.add(i >= lost);
        return ten;
    };
    CHECK_FALSE(window(2).is_lossy());
    CHECK(window(3).is_lossy());
    CHECK(window(3).is_good());
    CHECK_FALSE(window(4).is_good());
    CHECK_FALSE(window(7).is_failing());
    CHECK(window(8).is_failing());
}
