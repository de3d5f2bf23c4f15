// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Caps: a prober that could be used for an attack is a defect.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>

#include "tests/unit/probe/bench.h"

using namespace bench;

namespace {

constexpr std::array every_profile{Profile::careful, Profile::quick, Profile::fast};

void watch_all(Bench& box, unsigned sets, Level level) {
    for (unsigned set = 0; set < sets; ++set)
        box.watch(0, set, level);
}

}  // namespace

TEST_CASE(
    "no destination ever gets more than the idle rate in any second, whatever is configured") {
    for (const auto profile : every_profile)
        for (const unsigned sets : {1U, 2U, 5U, 20U}) {
            CAPTURE(static_cast<int>(profile));
            CAPTURE(sets);
            Bench box(options(profile, sets));
            watch_all(box, sets, Level::watched);
            for (unsigned set = 0; set < sets; ++set)
                box.tell(Carried{PrefixSetId(static_cast<std::uint16_t>(set)), Family::ipv4,
                                 UplinkId(0)});
            box.answer = [](const Send& send) {
                return send.head[16] % 3 == 0 ? std::nullopt : std::optional<Duration>(20ms);
            };
            box.run(60s);
            for (const auto& [destination, most] : box.fullest_second(Instant{}))
                CHECK(most <= schedule(profile).idle_rate);
            // Thinned evenly: B of no set is starved.
            std::map<std::uint16_t, unsigned> of_set;
            for (const auto& each : box.outcomes(Class::beacon))
                ++of_set[each.outcome.set->value];
            CHECK(of_set.size() == sets);
            const auto [least, most] = std::ranges::minmax_element(
                of_set, {}, [](const auto& entry) { return entry.second; });
            CHECK(most->second <= least->second * 4 / 3 + 12);
        }
}

TEST_CASE("the suspicion rate is kept, and ends after its time") {
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        const auto limits = schedule(profile);
        Bench box(options(profile));
        watch_all(box, 2, Level::watched);
        box.run(20s);
        const auto start = box.now;
        box.watch(0, 0, Level::suspect);
        box.run(60s);
        for (const auto& [destination, most] : box.fullest_second(Instant{}))
            CHECK(most <= limits.suspect_rate);
        const auto beacons_in = [&](Duration from, Duration to) {
            return std::ranges::count_if(box.sent, [&](const Sent& each) {
                return each.send.probe_class == Class::beacon &&
                       each.send.source.to_string().starts_with("198.51.0.") &&
                       each.at >= start + from && each.at < start + to;
            });
        };
        const auto quick = static_cast<double>(beacons_in({}, limits.burst_share));
        const double expected = 6.0 * static_cast<double>(limits.burst_share.count()) /
                                static_cast<double>(limits.suspect_interval.count());
        CHECK(quick >= expected * 0.95);
        CHECK(quick <= expected * 1.05 + 6);
        // Then a sixth of the time at most.
        const auto later = static_cast<double>(beacons_in(limits.burst_length, 60s));
        const double seconds = 60.0 - static_cast<double>(limits.burst_length.count()) / 1e9;
        const double idle = 6e9 / static_cast<double>(limits.idle_interval.count());
        const double suspect = 6e9 / static_cast<double>(limits.suspect_interval.count());
        CHECK(later <= seconds * (suspect / 6 + idle) * 1.1);
    }
}

TEST_CASE("a suspicion that comes to nothing leaves another its share of the suspicion rate") {
    const auto limits = schedule(Profile::fast);
    Bench box(options(Profile::fast));
    watch_all(box, 2, Level::watched);
    box.run(20s);
    box.watch(0, 0, Level::suspect);
    box.run(30s);
    for (int i = 0; i < 40; ++i) {
        CAPTURE(i);
        // Whenever it comes.
        box.run(20s + i * 300ms);
        const auto start = box.now;
        box.watch(0, 1, Level::suspect);
        box.run(500ms);
        const auto count = std::ranges::count_if(box.sent, [&](const Sent& each) {
            return each.at >= start && each.send.probe_class == Class::beacon &&
                   each.send.source.to_string().starts_with("198.51.1.");
        });
        CHECK(count >= 5 * (500ms / limits.suspect_interval));
        box.watch(0, 1, Level::watched);
    }
    for (const auto& [destination, most] : box.fullest_second(Instant{}))
        CHECK(most <= limits.suspect_rate);
}

TEST_CASE("probe-limit is hard") {
    for (const std::uint32_t limit : {1U, 5U, 20U, 100U}) {
        CAPTURE(limit);
        auto given = options(Profile::fast);
        given.probe_limit = limit;
        Bench box(given);
        watch_all(box, 2, Level::watched);
        box.run(10s);
        box.watch(0, 0, Level::suspect);
        box.run(10s);
        std::size_t fullest = 0;
        for (std::size_t i = 0, j = 0; i < box.sent.size(); ++i) {
            while (box.sent[i].at - box.sent[j].at >= 1s)
                ++j;
            fullest = std::max(fullest, i - j + 1);
        }
        CHECK(fullest <= limit);
        CHECK(fullest >= limit * 6 / 10);
        if (limit < 100)
            CHECK(box.prober.load().stretch > 1);
    }
}

TEST_CASE("T and E are not crowded out by pairs that use a target's whole rate") {
    auto given = options(Profile::careful);
    given.uplinks.push_back({UplinkId(2), {address("192.0.2.12")}, {}, 1476});
    Bench box(given);
    // Each block on another uplink: two pairs a second and target, which is all of the idle rate.
    box.watch(0, 1, Level::watched);
    box.watch(1, 0, Level::watched);
    box.tell(Carried{PrefixSetId(1), Family::ipv4, UplinkId(0)});
    box.tell(Carried{PrefixSetId(0), Family::ipv4, UplinkId(1)});
    box.run(5min);
    std::map<std::pair<std::uint16_t, Class>, unsigned> count;
    for (const auto& each : box.sent)
        ++count[{each.send.uplink.value, each.send.probe_class}];
    const auto turns = static_cast<unsigned>(5min / (schedule(Profile::careful).armed_age / 2));
    for (std::uint16_t uplink = 0; uplink < 3; ++uplink)
        CHECK(count[{uplink, Class::tunnel}] >= turns * 3 / 4);
    CHECK(count[{2, Class::egress}] >= 2 * turns * 3 / 4);
}

TEST_CASE("what fits is not thinned, and hardly anything is withheld") {
    for (const auto profile : {Profile::careful, Profile::quick}) {
        Bench box(options(profile));
        watch_all(box, 2, Level::watched);
        box.run(60s);
        CHECK(box.prober.load().stretch == doctest::Approx(1));
        CHECK(static_cast<double>(box.prober.load().withheld) <
              0.03 * static_cast<double>(box.sent.size()));
    }
}

namespace {

// Anything that can happen to a prober, at random.
Input anything(std::mt19937_64& lot, const Options& given) {
    const auto uplink = UplinkId(static_cast<std::uint16_t>(lot() % given.uplinks.size()));
    const auto set = PrefixSetId(static_cast<std::uint16_t>(lot() % given.sets.size()));
    const auto family = lot() % 3 == 0 ? Family::ipv6 : Family::ipv4;
    switch (lot() % 6) {
        case 0:
            return UplinkUsable{uplink, lot() % 4 == 0 ? Usability::unusable : Usability::usable};
        case 1:
            return Carried{set, family, uplink};
        case 2:
            return ProveTunnel{uplink, family};
        case 3:
            return SetTarget{TargetId(static_cast<std::uint16_t>(lot() % given.targets.size())),
                             lot() % 3 == 0 ? Retirement::retired : Retirement::in_use};
        default:
            return SetLevel{uplink, set, family, static_cast<Level>(lot() % 4)};
    }
}

std::size_t fullest(const std::vector<Sent>& sent) {
    std::size_t most = 0;
    for (std::size_t i = 0, j = 0; i < sent.size(); ++i) {
        while (sent[i].at - sent[j].at >= 1s)
            ++j;
        most = std::max(most, i - j + 1);
    }
    return most;
}

}  // namespace

TEST_CASE("whatever happens: per target and in all, no second ever holds more than the cap") {
    std::size_t probes = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 lot(seed);
        const auto profile = every_profile[seed % every_profile.size()];
        auto given = options(profile, static_cast<unsigned>(1 + lot() % 9));
        given.seed = seed;
        if (lot() % 4 != 0)
            given = with_second(given, {lot() % 2 == 0 ? Kind::tcp : Kind::udp, 443});
        if (lot() % 2 == 0)
            given.probe_limit = static_cast<std::uint32_t>(1 + lot() % 200);
        Bench box(given);
        const double loss = static_cast<double>(lot() % 100) / 100;
        box.answer = [&](const Send&) {
            return static_cast<double>(lot() % 100) / 100 < loss
                       ? std::nullopt
                       : std::optional<Duration>(Duration(std::chrono::milliseconds(lot() % 400)));
        };
        for (int step = 0; step < 60; ++step) {
            box.tell(anything(lot, given));
            box.run(std::chrono::milliseconds(lot() % 1500));
        }
        for (const auto& [destination, most] : box.fullest_second(Instant{}))
            CHECK(most <= schedule(profile).suspect_rate);
        if (given.probe_limit)
            CHECK(fullest(box.sent) <= *given.probe_limit);
        probes += box.sent.size();
    }
    CHECK(probes > 100'000);
}

TEST_CASE("the suspicion rate with two kinds is kept too, and never outlasts its time") {
    for (const auto profile : every_profile) {
        CAPTURE(static_cast<int>(profile));
        const auto limits = schedule(profile);
        Bench box(with_second(options(profile)));
        watch_all(box, 2, Level::watched);
        box.run(20s);
        const auto start = box.now;
        watch_all(box, 2, Level::suspect);
        box.run(60s);
        for (const auto& [destination, most] : box.fullest_second(Instant{}))
            CHECK(most <= limits.suspect_rate);
        // Seconds that held more than the idle rate: at most burst_length and a sixth of the rest.
        const auto allowed = limits.burst_length + (60s - limits.burst_length) / 6 + 2s;
        std::map<Address, std::set<std::int64_t>> busy;
        std::map<std::pair<Address, std::int64_t>, unsigned> in_second;
        for (const auto& each : box.sent)
            if (each.at >= start) {
                const auto second = (each.at - start) / 1s;
                if (++in_second[{each.send.destination, second}] > limits.idle_rate)
                    busy[each.send.destination].insert(second);
            }
        CHECK(!busy.empty());
        for (const auto& [destination, seconds] : busy)
            CHECK(static_cast<std::int64_t>(seconds.size()) <= allowed / 1s + 8);
    }
}
