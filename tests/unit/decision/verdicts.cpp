// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Every row of detection.md section 3's table: from facts by the ladder alone, and, where probes
// make the row, from faults in the virtual Internet.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/decision/facts.h"
#include "tests/unit/decision/world.h"

using namespace std::chrono_literals;
using namespace detour::decision;
using detour::Duration;
using detour::Instant;
using detour::model::Profile;
using world::World;

namespace {

// Section 2 holds on it.
Facts nullrouted() {
    Facts f = healthy();
    f.onset = noon - 7s;
    f.beacon = dead();
    f.sentinel = SentinelFacts::failed;
    f.sentinel_window = dead();
    f.passive = {.band = Band::dead, .before = 1000, .since = 0, .share = 0, .length = 6s};
    f.beacon_age = 7s;
    f.findings.score = 34;
    f.findings.q0 = 0.2;
    f.findings.positive_targets = 6;
    f.findings.lost_targets = 6;
    f.findings.lost_asns = 3;
    f.findings.dead_beacons = 2;
    f.findings.span = 6100ms;
    f.findings.control_all = 140;
    f.findings.control_lost = 1;
    f.findings.control_allowed = 0.2;
    f.findings.onset = f.onset;
    return f;
}

Verdict verdict_of(const Facts& facts) {
    return judge(facts, careful).verdict;
}

struct Row {
    const char* name;
    Verdict verdict;
    void (*change)(Facts&);
};

}  // namespace

TEST_CASE("the ladder: each row of the table from its facts") {
    const std::vector<Row> rows{
        {"telemetry lost", Verdict::dataplane_down, [](Facts& f) { f.is_telemetry_lost = true; }},
        {"all links lost together", Verdict::dataplane_down,
         [](Facts& f) {
             f.is_link_up = false;
             f.are_links_down = true;
         }},
        {"everything dead at once", Verdict::local_fault, [](Facts& f) { f.are_all_dead = true; }},
        {"not announced", Verdict::away, [](Facts& f) { f.is_announced = false; }},
        {"session down", Verdict::session_down, [](Facts& f) { f.session = SessionState::down; }},
        {"session down, graceful restart runs", Verdict::healthy,
         [](Facts& f) { f.session = SessionState::down_restarting; }},
        {"link down, T good elsewhere", Verdict::uplink_dead,
         [](Facts& f) { f.is_link_up = false; }},
        {"link down, T good nowhere", Verdict::unclear,
         [](Facts& f) {
             f.is_link_up = false;
             f.is_tunnel_good = false;
         }},
        {"BFD down", Verdict::uplink_dead, [](Facts& f) { f.is_bfd_down = true; }},
        {"C, B, S and inbound dead", Verdict::uplink_dead,
         [](Facts& f) {
             f.control = f.beacon = dead();
             f.sentinel = SentinelFacts::failed;
             f.is_inbound_dead = true;
             f.passive.band = Band::dead;
         }},
        {"C, B and inbound dead, S good", Verdict::uplink_isolated,
         [](Facts& f) {
             f.control = f.beacon = dead();
             f.is_inbound_dead = true;
             f.passive.band = Band::dead;
         }},
        {"C and B dead, S good, traffic comes in", Verdict::probe_filtered,
         [](Facts& f) { f.control = f.beacon = dead(); }},
        {"C and B dead, S good, traffic half alive", Verdict::unclear,
         [](Facts& f) {
             f.control = f.beacon = dead();
             f.passive.band = Band::partial;
         }},
        {"lossy and full", Verdict::congested,
         [](Facts& f) {
             f.control = f.beacon = lossy();
             f.utilisation = 0.9;
         }},
        {"lossy and not full", Verdict::healthy, [](Facts& f) { f.control = f.beacon = lossy(); }},
        {"ROA invalid", Verdict::roa_invalid,
         [](Facts& f) { f.origin = OriginState::State::roa_invalid; }},
        {"foreign origin", Verdict::hijack,
         [](Facts& f) { f.origin = OriginState::State::foreign_origin; }},
        {"beacons of one half dead", Verdict::partial, [](Facts& f) { f.is_half_dead = true; }},
        {"B dead, passive normal", Verdict::probe_filtered, [](Facts& f) { f.beacon = dead(); }},
        {"every B dead, passive absent, S good", Verdict::probe_filtered,
         [](Facts& f) {
             f.beacon = dead();
             f.are_all_beacons_dead = true;
             f.passive.band = Band::absent;
         }},
        {"one set's B dead, passive absent", Verdict::unclear,
         [](Facts& f) {
             f.beacon = dead();
             f.passive.band = Band::absent;
         }},
        {"C dead, B good", Verdict::control_bad, [](Facts& f) { f.control = dead(); }},
        {"S dead alone", Verdict::sentinel_bad, [](Facts& f) { f.sentinel_window = dead(); }},
        {"two homed targets", Verdict::unseen, [](Facts& f) { f.findings.homed = 2; }},
        {"B never good", Verdict::never_proven, [](Facts& f) { f.beacon_age.reset(); }},
        {"B good 25 h ago", Verdict::never_proven, [](Facts& f) { f.beacon_age = 25h; }},
        {"all well", Verdict::healthy, [](Facts&) {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.name);
        Facts f = healthy();
        row.change(f);
        CHECK(to_string(verdict_of(f)) == to_string(row.verdict));
    }
}

TEST_CASE("section 2: all conditions, and each of them missing") {
    CHECK(verdict_of(nullrouted()) == Verdict::nullrouted);
    const std::vector<std::pair<std::string_view, void (*)(Facts&)>> rows{
        {"the score is below h", [](Facts& f) { f.findings.score = 32.9; }},
        {"the last two pairs are lost on too few targets",
         [](Facts& f) { f.findings.lost_targets = 3; }},
        {"the targets that are lost lie in too few ASNs",
         [](Facts& f) { f.findings.lost_asns = 1; }},
        {"not every beacon of the prefix is lost", [](Facts& f) { f.findings.dead_beacons = 1; }},
        {"it has not lasted T_min yet", [](Facts& f) { f.findings.span = 5900ms; }},
        {"two targets replied inside T_min", [](Facts& f) { f.findings.replies = 2; }},
        {"inbound traffic of the block is normal", [](Facts& f) { f.passive.band = Band::normal; }},
        {"inbound traffic of the block is half alive",
         [](Facts& f) { f.passive.band = Band::partial; }},
        {"ICMP only: without inbound traffic before the onset a second kind is needed",
         [](Facts& f) { f.passive.band = Band::absent; }},
        {"inbound traffic since the onset is not counted yet",
         [](Facts& f) { f.passive.band = Band::unknown; }},
        {"C is lost too: the burst is void", [](Facts& f) { f.findings.control_lost = 30; }},
        {"no reply to the block came this way within 24 h", [](Facts& f) { f.beacon_age = 25h; }},
        {"too few good C since the start", [](Facts& f) { f.good_controls = 29; }},
        {"too few good B since the start", [](Facts& f) { f.good_beacons = 29; }},
        {"a reload is in progress", [](Facts& f) { f.veto = "a reload is in progress"; }},
    };
    for (const auto& [missing, change] : rows) {
        CAPTURE(missing);
        Facts f = nullrouted();
        change(f);
        CHECK(verdict_of(f) != Verdict::nullrouted);
        CHECK(missing_condition(f, careful) == missing);
    }
}

TEST_CASE("with both active kinds dead a block without traffic is NULLROUTED all the same") {
    Facts f = nullrouted();
    f.passive.band = Band::absent;
    f.second.witnesses = 3;
    CHECK(missing_condition(f, careful) ==
          "the second kind is not dead, and no inbound traffic speaks");
    f.second.is_dead = true;
    CHECK(verdict_of(f) == Verdict::nullrouted);
    f.passive.band = Band::normal;
    CHECK(verdict_of(f) == Verdict::probe_filtered);
}

TEST_CASE("a second kind that comes through speaks against everything that is dead") {
    const std::string_view alone = "ICMP is lost alone: the second kind comes through";
    for (const auto& [band, verdict] :
         std::vector<std::pair<Band, Verdict>>{{Band::dead, Verdict::unclear},
                                               {Band::absent, Verdict::probe_filtered},
                                               {Band::partial, Verdict::partial},
                                               {Band::normal, Verdict::probe_filtered}}) {
        Facts f = nullrouted();
        f.passive.band = band;
        f.second.witnesses = 6;
        f.second.replies = 2;
        CHECK(missing_condition(f, careful) == alone);
        CHECK(to_string(verdict_of(f)) == to_string(verdict));
        CHECK(explain(f, careful, judge(f, careful)).note != "");
    }
    // One reply may be the last one before the onset.
    Facts f = nullrouted();
    f.second.witnesses = 6;
    f.second.replies = 1;
    CHECK(verdict_of(f) == Verdict::nullrouted);
    f = healthy();
    f.control = f.beacon = dead();
    f.is_inbound_dead = true;
    f.passive.band = Band::dead;
    f.sentinel = SentinelFacts::failed;
    CHECK(verdict_of(f) == Verdict::uplink_dead);
    f.second.replies = 2;
    CHECK(verdict_of(f) == Verdict::unclear);
}

TEST_CASE("an attack before the onset makes it ATTACKED") {
    Facts f = nullrouted();
    f.attack = {.is_seen = true, .peak = 90000, .p95 = 1000, .peak_bits = 1e9};
    CHECK(verdict_of(f) == Verdict::attacked);
}

TEST_CASE("the place is where S says") {
    Facts f = nullrouted();
    const auto place = [&] { return judge(f, careful).place; };
    CHECK(place() == Place::inside);
    f.sentinel = SentinelFacts::good;
    CHECK(place() == Place::beyond);
    f.sentinel = SentinelFacts::unknown;
    CHECK(place() == Place::unknown);
}

TEST_CASE("an explanation shows each figure beside the threshold it was compared with") {
    const Facts f = nullrouted();
    auto limits = careful;
    limits.h = 30;
    limits.t_min = 5s;
    const auto why = explain(f, limits, judge(f, limits));
    CHECK(why.rule == "NULLROUTED");
    CHECK(why.missing.empty());
    REQUIRE(why.find("score"));
    CHECK(why.find("score")->value == doctest::Approx(34));
    CHECK(why.find("score")->threshold == doctest::Approx(30));
    CHECK(why.find("score")->section == "2(1)");
    CHECK(why.find("span")->threshold == doctest::Approx(5));
    CHECK(why.find("targets")->out_of == doctest::Approx(6));
    CHECK(why.find("beacons")->holds);
}

// ---- the same from faults in the virtual Internet: nothing of these moves anything

namespace {

void nothing_moved(const World& box) {
    for (const unsigned set : {0U, 1U}) {
        CHECK(box.steps(set).empty());
        CHECK(box.is_announced(0, set));
        CHECK(box.egress(set) == 0);
        CHECK_FALSE(box.first(0, set, Verdict::nullrouted, {}));
    }
    CHECK(box.announced_nowhere() == 0);
}

world::Configuration of(Profile profile) {
    world::Configuration configuration;
    configuration.profile = profile;
    configuration.rtt = profile == Profile::fast ? Duration(1ms) : Duration(20ms);
    return configuration;
}

constexpr std::array every_profile{Profile::careful, Profile::quick, Profile::fast};

}  // namespace

TEST_CASE("all targets die: nothing moves") {
    for (const auto profile : every_profile) {
        World box(of(profile));
        box.settle();
        box.targets(World::State::down);
        box.run(2min);
        nothing_moved(box);
        CHECK(box.verdict(0, 0) == Verdict::probe_filtered);
    }
}

TEST_CASE("ICMP to the beacons is filtered while traffic flows: PROBE-FILTERED, nothing moves") {
    for (const auto profile : every_profile) {
        World box(of(profile));
        box.settle();
        box.filter(0, 0, World::Filter::beacons);
        box.filter(0, 1, World::Filter::beacons);
        box.run(2min);
        nothing_moved(box);
        CHECK(box.verdict(0, 0) == Verdict::probe_filtered);
        CHECK(box.verdict(0, 1) == Verdict::probe_filtered);
    }
}

TEST_CASE("one quiet set's ICMP is filtered: never NULLROUTED, nothing moves") {
    for (const auto profile : every_profile)
        for (const double traffic : {0.0, 5.0, 1000.0}) {
            auto configuration = of(profile);
            configuration.packets_per_second = traffic;
            World box(configuration);
            box.settle();
            box.filter(0, 0, World::Filter::beacons);
            box.run(2min);
            nothing_moved(box);
            const auto verdict = box.verdict(0, 0);
            CHECK((verdict == Verdict::probe_filtered || verdict == Verdict::unclear));
            CHECK(box.verdict(0, 1) == Verdict::healthy);
        }
}

namespace {

// Hardly any traffic, and targets that answer TCP.
world::Configuration quiet(Profile profile) {
    auto configuration = of(profile);
    configuration.packets_per_second = 5;
    configuration.second = detour::probe::SecondKind{detour::probe::Kind::tcp, 443};
    return configuration;
}

}  // namespace

TEST_CASE("a quiet set is NULLROUTED when both kinds die together, and moves") {
    for (const auto profile : every_profile)
        for (const double loss : {0.0, 0.01, 0.2}) {
            CAPTURE(static_cast<int>(profile));
            CAPTURE(loss);
            World box(quiet(profile));
            box.settle();
            box.loss(loss);
            box.run(20s);
            const auto start = box.now();
            box.null_route(0, 0, World::Null::inside);
            CHECK(box.run_until(
                [&] { return box.first(0, 0, Verdict::nullrouted, start).has_value(); }, 30s));
            // An ordinary loss just before it makes it look a little longer.
            CHECK(box.now() - start >= box.options().thresholds.t_min - (loss > 0 ? 500ms : 0ms));
            CHECK(box.now() - start <= box.options().thresholds.t_min + 4s);
            CHECK(box.run_until([&] { return box.is_announced(1, 0); }, 10s));
            CHECK(box.is_announced(0, 1));
            const auto* why = box.change(0, 0);
            REQUIRE(why);
        }
}

TEST_CASE("of a quiet set one kind alone is filtered: nothing moves") {
    using detour::probe::Kind;
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        World box(quiet(profile));
        box.settle();
        box.run(60s);
        box.filter(0, 0, World::Filter::beacons);
        box.run(5min);
        nothing_moved(box);
        CHECK(box.first(0, 0, Verdict::probe_filtered, {}));
        World other(quiet(profile));
        other.settle();
        other.run(60s);
        other.filter(0, 0, World::Filter::beacons, {Kind::tcp});
        other.run(5min);
        nothing_moved(other);
        CHECK(other.verdict(0, 0) == Verdict::healthy);
        // Long after TCP ICMP is filtered too: no second kind that died with it.
        other.filter(0, 0, World::Filter::beacons, {Kind::tcp, Kind::icmp});
        other.run(5min);
        nothing_moved(other);
    }
}

TEST_CASE("long after its pings were filtered a block is null-routed: the second kind tells when") {
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        auto configuration = quiet(profile);
        configuration.packets_per_second = 1000;
        World box(configuration);
        box.settle();
        box.filter(0, 0, World::Filter::beacons);
        box.run(5min);
        CHECK(box.verdict(0, 0) == Verdict::probe_filtered);
        nothing_moved(box);
        const auto start = box.now();
        box.null_route(0, 0, World::Null::inside);
        CHECK(box.run_until([&] { return box.first(0, 0, Verdict::nullrouted, start).has_value(); },
                            30s));
        CHECK(box.now() - start >= box.options().thresholds.t_min - 500ms);
        CHECK(box.now() - start <= box.options().thresholds.t_min + 4s);
    }
}

TEST_CASE("of a quiet set one kind is filtered long after the other: nothing moves") {
    using detour::probe::Kind;
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        World box(quiet(profile));
        box.settle();
        box.filter(0, 0, World::Filter::beacons);
        box.run(5min);
        box.filter(0, 0, World::Filter::beacons, {Kind::tcp, Kind::icmp});
        box.run(5min);
        nothing_moved(box);
    }
}

TEST_CASE("what C loses since a moment ago is no burst that began with the null route") {
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        World box(of(profile));
        box.settle();
        box.run(30min);
        box.loss(0.36);
        box.run(20s);
        nothing_moved(box);
        const auto start = box.now();
        box.null_route(0, 0, World::Null::inside);
        CHECK(box.run_until([&] { return box.first(0, 0, Verdict::nullrouted, start).has_value(); },
                            30s));
        CHECK(box.now() - start <= 2 * box.options().thresholds.t_min + 3s);
    }
}

TEST_CASE("both kinds are filtered together while traffic flows: PROBE-FILTERED, nothing moves") {
    using detour::probe::Kind;
    for (const auto profile : every_profile) {
        auto configuration = quiet(profile);
        configuration.packets_per_second = 1000;
        World box(configuration);
        box.settle();
        box.run(60s);
        box.filter(0, 0, World::Filter::beacons, {Kind::tcp, Kind::icmp});
        box.run(2min);
        nothing_moved(box);
        CHECK(box.verdict(0, 0) == Verdict::probe_filtered);
    }
}

TEST_CASE("the data plane dies: nothing moves") {
    for (const auto profile : every_profile) {
        World box(of(profile));
        box.settle();
        box.path(0, World::State::down);
        box.path(1, World::State::down);
        box.run(500ms);
        box.telemetry(World::State::down);
        box.run(1min);
        CHECK(box.verdict(0, 0) == Verdict::dataplane_down);
        nothing_moved(box);
        box.path(0, World::State::up);
        box.path(1, World::State::up);
        box.telemetry(World::State::up);
        box.run(1min);
        CHECK(box.verdict(0, 0) == Verdict::healthy);
        nothing_moved(box);
    }
}

TEST_CASE("all links lose carrier within 50 ms: DATAPLANE-DOWN, nothing moves") {
    World box(of(Profile::fast));
    box.settle();
    box.link(0, World::State::down);
    box.run(30ms);
    box.link(1, World::State::down);
    box.run(10s);
    CHECK(box.verdict(0, 0) == Verdict::dataplane_down);
    nothing_moved(box);
}

TEST_CASE("links that were not up yet since the start are no fault until the grace is over") {
    World box(of(Profile::fast));
    box.settle();
    // Known down until the kernel was read, as at every start.
    box.restart(1s, {500ms, 500ms});
    const Instant start = box.now();
    box.run(10s);
    CHECK_FALSE(box.first(0, 0, Verdict::dataplane_down, start));
    CHECK(box.verdict(0, 0) == Verdict::healthy);
    box.restart(1s, {500ms, 500ms});
    const Instant again = box.now();
    box.link(0, World::State::down);
    box.link(1, World::State::down);
    box.run(1min);
    CHECK(box.verdict(0, 0) == Verdict::dataplane_down);
    const auto said = box.first(0, 0, Verdict::dataplane_down, again);
    REQUIRE(said);
    CHECK(*said >= again + box.options().thresholds.startup_grace);
    nothing_moved(box);
}

TEST_CASE("links that nobody has told of yet at the start are not lost") {
    World box(of(Profile::fast));
    box.settle();
    box.restart(1s, {1ms, 1ms});
    const auto started = box.now();
    box.run(10s);
    for (unsigned uplink = 0; uplink < 2; ++uplink)
        CHECK_FALSE(box.first(uplink, 0, Verdict::dataplane_down, started));
    CHECK(box.verdict(0, 0) == Verdict::healthy);
}

TEST_CASE("everything beyond the box dies at once: LOCAL-FAULT, nothing moves") {
    for (const auto profile : every_profile) {
        World box(of(profile));
        box.settle();
        box.path(0, World::State::down);
        box.path(1, World::State::down);
        box.run(2min);
        CHECK(box.verdict(0, 0) == Verdict::local_fault);
        nothing_moved(box);
        // The end of it comes to one uplink first.
        box.path(1, World::State::up);
        box.run(10ms);
        box.path(0, World::State::up);
        box.run(1min);
        CHECK(box.verdict(0, 0) == Verdict::healthy);
        CHECK_FALSE(box.first(0, 0, Verdict::uplink_dead, {}));
        nothing_moved(box);
    }
}

TEST_CASE("a null route that is lifted while its move was held is not escaped from") {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        auto configuration = of(Profile::careful);
        configuration.seed = seed;
        World box(configuration);
        box.settle();
        box.path(1, World::State::down);
        box.run(1min);
        box.null_route(0, 0, World::Null::inside);
        box.run(30s);
        CHECK(box.verdict(0, 0) == Verdict::nullrouted);
        box.path(1, World::State::up);
        box.run(30s);
        box.null_route(0, 0, World::Null::none);
        box.run(1min);
        CHECK(box.verdict(0, 0) == Verdict::healthy);
        CHECK(box.steps(0).empty());
        // S answers before B does; what was inside is not beyond for that moment.
        for (const auto& event : box.events())
            if (const auto* changed = std::get_if<VerdictChanged>(&event.action.deed))
                CHECK((changed->from != Verdict::nullrouted || changed->to != changed->from));
    }
}

TEST_CASE("what has not answered since the start has not died: no LOCAL-FAULT") {
    World box(of(Profile::fast));
    box.settle();
    box.path(0, World::State::down);
    box.path(1, World::State::down);
    const Instant start = box.now();
    box.restart(1s);
    box.run(2min);
    CHECK_FALSE(box.first(0, 0, Verdict::local_fault, start + 1s));
    nothing_moved(box);
}

TEST_CASE("the path of an uplink dies with its carrier up: UPLINK-DEAD, all sets move") {
    for (const auto profile : every_profile) {
        World box(of(profile));
        box.settle();
        box.path(0, World::State::down);
        box.run(60s);
        for (const unsigned set : {0U, 1U}) {
            CHECK(box.first(0, set, Verdict::uplink_dead, {}));
            CHECK(box.is_announced(1, set));
            CHECK(box.egress(set) == 1);
        }
        CHECK(box.announced_nowhere() == 0);
    }
}

TEST_CASE(
    "vetoes: within the start-up grace, while reloading and after a gap nothing is concluded") {
    World box(of(Profile::careful));
    box.run(20s);
    box.null_route(0, 0, World::Null::inside);
    box.run(30s);
    CHECK_FALSE(box.first(0, 0, Verdict::nullrouted, {}));
    box.null_route(0, 0, World::Null::none);
    box.run(60s);

    box.tell(Reload{Reload::Phase::begun});
    box.null_route(0, 0, World::Null::inside);
    box.run(20s);
    CHECK_FALSE(box.first(0, 0, Verdict::nullrouted, {}));
    box.null_route(0, 0, World::Null::none);
    box.run(20s);
    box.tell(Reload{Reload::Phase::ended});
    box.run(20s);

    const auto start = box.now();
    box.null_route(0, 0, World::Null::inside);
    box.run(4s);
    box.tell(SchedulingGap{2s});
    CHECK(box.run_until([&] { return box.first(0, 0, Verdict::nullrouted, start).has_value(); },
                        30s));
    // What was lost before the gap was void.
    CHECK(box.now() - start >= 10s);
}
