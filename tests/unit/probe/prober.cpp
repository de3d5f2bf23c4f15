// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/probe/prober.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/probe/bench.h"

using namespace bench;

TEST_CASE("a pair is one C and one B of every set, 5-20 ms apart, to the same target") {
    Bench box(options(Profile::careful));
    box.watch(0, 0, Level::watched);
    box.watch(0, 1, Level::watched);
    box.run(60s);
    std::map<std::uint32_t, Outcome> controls;
    for (const auto& [at, outcome] : box.outcomes(Class::control))
        controls[outcome.pair] = outcome;
    CHECK(controls.size() >= 350);
    unsigned before = 0, all = 0;
    for (const auto& [at, outcome] : box.outcomes(Class::beacon)) {
        if (!controls.contains(outcome.pair))
            continue;
        const auto& control = controls[outcome.pair];
        CHECK(control.target == outcome.target);
        CHECK(control.uplink == outcome.uplink);
        const auto gap =
            outcome.sent > control.sent ? outcome.sent - control.sent : control.sent - outcome.sent;
        CHECK(gap >= 5ms);
        CHECK(gap <= 21ms);
        before += outcome.sent < control.sent ? 1 : 0;
        ++all;
    }
    CHECK(all >= 650);
    // Who is first is by lot.
    CHECK(before > all * 4 / 10);
    CHECK(before < all * 6 / 10);
}

TEST_CASE("targets are staggered evenly over the interval") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(10s);
    std::vector<Instant> sends;
    for (const auto& each : box.sends(Class::control))
        if (each.at >= Instant(1h) + 5s && each.at < Instant(1h) + 6s)
            sends.push_back(each.at);
    REQUIRE(sends.size() == 6);
    for (std::size_t i = 1; i < sends.size(); ++i) {
        CHECK(sends[i] - sends[i - 1] > 145ms);
        CHECK(sends[i] - sends[i - 1] < 190ms);
    }
}

TEST_CASE("all beacons of the prefix take turns at every target") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(10s);
    std::map<Address, std::set<Address>> beacons;
    for (const auto& each : box.sends(Class::beacon))
        beacons[each.send.destination].insert(each.send.source);
    CHECK(beacons.size() == 6);
    for (const auto& [target, used] : beacons)
        CHECK(used.size() == 2);
}

TEST_CASE("an answer in time is ok with its round trip and arrival, none is lost at the timeout") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.answer = [](const Send& send) -> std::optional<Duration> {
        return send.destination == address("203.0.113.1") ? std::nullopt
                                                          : std::optional<Duration>(40ms);
    };
    box.run(30s);
    unsigned lost = 0;
    for (const auto& [at, outcome] : box.outcomes(Class::beacon)) {
        if (outcome.target == TargetId(0)) {
            CHECK(outcome.result == Result::lost);
            CHECK_FALSE(outcome.arrival);
            CHECK(at - outcome.sent == 1s);  // no round trip is known: the cap
            ++lost;
        } else {
            CHECK(outcome.result == Result::ok);
            CHECK(outcome.rtt == 40ms);
            CHECK(outcome.arrival == UplinkId(0));
        }
    }
    CHECK(lost >= 28);
    // clamp(1.5 x 40 + 20, 100, 1000)
    CHECK(box.prober.timeout(UplinkId(0), TargetId(1)) == 100ms);
}

TEST_CASE("the timeout follows p95 between floor and cap") {
    for (const auto& [rtt, timeout] : std::vector<std::pair<Duration, Duration>>{
             {1ms, 100ms}, {80ms, 140ms}, {200ms, 320ms}, {900ms, 1s}}) {
        Bench box(options(Profile::careful, 1));
        box.watch(0, 0, Level::watched);
        box.answer = [rtt = rtt](const Send&) { return rtt; };
        box.run(30s);
        CHECK(box.prober.timeout(UplinkId(0), TargetId(2)) == timeout);
    }
}

TEST_CASE("a late reply reverses its outcome, once") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(20s);
    box.answer = [](const Send&) { return 700ms; };
    box.concluded.clear();
    box.run(1s);
    box.answer = [](const Send&) { return 20ms; };
    box.run(5s);
    std::map<std::uint64_t, std::vector<Result>> results;
    for (const auto& [at, outcome] : box.concluded)
        results[outcome.probe.value].push_back(outcome.result);
    unsigned reversed = 0;
    for (const auto& [probe, list] : results) {
        if (list.size() == 1) {
            CHECK(list[0] == Result::ok);
            continue;
        }
        CHECK(list == std::vector{Result::lost, Result::reversed});
        ++reversed;
    }
    CHECK(reversed >= 12);
}

TEST_CASE("a reply with another token, source or destination is no reply") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.answer = [](const Send&) { return std::optional<Duration>(); };
    box.run(200ms);
    REQUIRE(!box.sent.empty());
    const auto& send = box.sent.back().send;
    const auto head = *answer_echo_request(send.head, send.size, send.source, send.destination);
    const auto mark = *decode_echo_reply(head, send.destination, send.source);
    auto forged = mark;
    ++forged.token;
    const auto reply_of = [&](const EchoMark& of) {
        const auto request = encode_echo_request(of, send.source, send.destination, send.size);
        const auto reply = *answer_echo_request(request, send.size, send.source, send.destination);
        std::vector<std::uint8_t> bytes(reply.begin(), reply.end());
        bytes.resize(send.size);
        return bytes;
    };
    const auto count = box.concluded.size();
    box.tell(Reply{send.uplink, send.destination, send.source, reply_of(forged)});
    forged = mark;
    forged.slot = 4000000000U;
    box.tell(Reply{send.uplink, send.destination, send.source, reply_of(forged)});
    box.tell(Reply{send.uplink, address("203.0.113.77"), send.source, reply_of(mark)});
    CHECK(box.concluded.size() == count);
    box.tell(Reply{UplinkId(1), send.destination, send.source, reply_of(mark)});
    REQUIRE(box.concluded.size() == count + 1);
    CHECK(box.concluded.back().outcome.arrival == UplinkId(1));
    // The same again is a duplicate.
    box.tell(Reply{UplinkId(1), send.destination, send.source, reply_of(mark)});
    CHECK(box.concluded.size() == count + 1);
}

TEST_CASE("an uplink that is down loses its probes as they are due and sends none") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(5s);
    box.tell(UplinkUsable{UplinkId(0), Usability::unusable});
    box.run(100ms);
    box.sent.clear();
    box.concluded.clear();
    box.run(5s);
    for (const auto& each : box.sent)
        CHECK(each.send.uplink == UplinkId(1));
    const auto beacons = box.outcomes(Class::beacon);
    CHECK(beacons.size() >= 28);
    for (const auto& each : beacons) {
        CHECK(each.outcome.result == Result::lost);
        CHECK(each.at == each.outcome.sent);
    }
}

TEST_CASE("a probe that could not be sent is lost at once") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.answer = [](const Send&) { return std::optional<Duration>(); };
    box.run(30ms);
    REQUIRE(!box.sent.empty());
    const auto probe = box.sent.back().send.probe;
    box.tell(SendFailed{probe});
    CHECK(box.concluded.back().outcome.probe == probe);
    CHECK(box.concluded.back().outcome.result == Result::lost);
}

TEST_CASE("T goes by every uplink at full MTU with DF, E by those that do not carry the block") {
    Bench box(options(Profile::careful, 1));
    box.tell(Carried{PrefixSetId(0), Family::ipv4, UplinkId(0)});
    box.watch(0, 0, Level::watched);
    box.run(60s);
    std::map<std::uint16_t, unsigned> tunnels;
    for (const auto& each : box.sends(Class::tunnel)) {
        if (each.send.source.family() != Family::ipv4)
            continue;
        ++tunnels[each.send.uplink.value];
        CHECK(each.send.size == 1476 - 20);
        detour::Bytes whole;
        each.send.append_to(whole);
        CHECK(whole.size() == each.send.size);
    }
    // One per half armed age: 5 s.
    CHECK(tunnels[0] == doctest::Approx(12).epsilon(0.2));
    CHECK(tunnels[1] == doctest::Approx(12).epsilon(0.2));
    const auto egress = box.sends(Class::egress);
    CHECK(egress.size() == doctest::Approx(12).epsilon(0.2));
    for (const auto& each : egress)
        CHECK(each.send.uplink == UplinkId(1));
    box.tell(Carried{PrefixSetId(0), Family::ipv4, UplinkId(1)});
    box.sent.clear();
    box.run(20s);
    for (const auto& each : box.sends(Class::egress))
        CHECK(each.send.uplink == UplinkId(0));
}

TEST_CASE("a lost T is followed by another at once, the second one small") {
    Bench box(options(Profile::careful, 1));
    box.answer = [](const Send& send) {
        const bool is_large = send.size > 1000;
        return is_large ? std::nullopt : std::optional<Duration>(20ms);
    };
    box.run(21s);
    std::vector<Sent> sends;
    for (const auto& each : box.sends(Class::tunnel))
        if (each.send.uplink == UplinkId(1) && each.send.source.family() == Family::ipv4)
            sends.push_back(each);
    REQUIRE(sends.size() >= 9);
    // The first was answered before the bench changed its mind.
    CHECK(sends[1].send.size > 1000);
    CHECK(sends[2].send.size > 1000);
    CHECK(sends[3].send.size < 1000);
    CHECK(sends[3].at - sends[1].at < 3s);
    bool has_small_good = false;
    for (const auto& each : box.outcomes(Class::tunnel))
        has_small_good |= !each.outcome.is_full_size && each.outcome.result == Result::ok;
    CHECK(has_small_good);
}

TEST_CASE("S goes to the uplink's sentinels by every uplink, quicker on suspicion and canary") {
    for (const auto level : {Level::suspect, Level::canary}) {
        Bench box(options(Profile::careful, 1));
        box.watch(0, 0, Level::watched);
        box.run(60s);
        std::set<std::pair<std::uint16_t, Address>> ways;
        for (const auto& each : box.outcomes(Class::sentinel))
            if (each.outcome.sentinel_of == UplinkId(0))
                ways.insert({each.outcome.uplink.value,
                             address(each.outcome.sentinel == 0 ? "192.0.2.100" : "192.0.2.110")});
        CHECK(ways.size() == 4);
        box.sent.clear();
        box.watch(0, 0, level);
        box.run(4s);
        unsigned quick = 0;
        for (const auto& each : box.sends(Class::sentinel))
            quick += each.send.destination == address("192.0.2.100") ||
                             each.send.destination == address("192.0.2.110")
                         ? 1
                         : 0;
        CHECK(quick >= 14);
    }
}

TEST_CASE("on suspicion every probe is a new flow; before, flows are steady") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(10s);
    const auto idents = [&] {
        std::map<Address, std::set<unsigned>> found;
        for (const auto& each : box.sends(Class::beacon))
            found[each.send.destination].insert(
                static_cast<unsigned>(each.send.head[4] << 8 | each.send.head[5]));
        return found;
    };
    for (const auto& [target, used] : idents())
        CHECK(used.size() == 1);
    box.watch(0, 0, Level::suspect);
    box.sent.clear();
    box.run(5s);
    for (const auto& [target, used] : idents())
        CHECK(used.size() >= 18);
}

TEST_CASE("without a control source the B of another set serves as C, and alone there is none") {
    auto given = options(Profile::careful);
    for (auto& uplink : given.uplinks)
        uplink.control_sources.clear();
    Bench box(given);
    box.watch(0, 0, Level::watched);
    box.run(5s);
    CHECK(box.outcomes(Class::control).empty());
    CHECK(box.outcomes(Class::beacon).front().outcome.pair == 0);
    box.watch(0, 1, Level::watched);
    box.run(10s);
    const auto controls = box.outcomes(Class::control);
    CHECK(controls.size() >= 80);
    for (const auto& each : box.sends(Class::control))
        CHECK(each.send.source.to_string().starts_with("198.51."));
    std::map<std::uint32_t, unsigned> halves;
    for (const auto& each : box.concluded)
        if (each.outcome.pair != 0)
            ++halves[each.outcome.pair];
    for (const auto& [pair, count] : halves)
        CHECK(count <= 2);
}

TEST_CASE("IPv6 has pairs of its own") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched, Family::ipv6);
    box.run(5s);
    for (const auto probe_class : {Class::control, Class::beacon}) {
        const auto outcomes = box.outcomes(probe_class);
        CHECK(outcomes.size() >= 28);
        for (const auto& each : outcomes) {
            CHECK(each.outcome.family == Family::ipv6);
            CHECK(each.outcome.result == Result::ok);
            CHECK(each.outcome.target->value >= 6);
        }
    }
}

TEST_CASE("a retired target is left alone") {
    Bench box(options(Profile::careful, 1));
    box.watch(0, 0, Level::watched);
    box.run(2s);
    box.tell(SetTarget{TargetId(3), Retirement::retired});
    box.run(100ms);
    box.sent.clear();
    box.run(10s);
    for (const auto& each : box.sent)
        CHECK(each.send.destination != address("203.0.113.4"));
    box.tell(SetTarget{TargetId(3), Retirement::in_use});
    box.run(3s);
    CHECK(std::ranges::any_of(box.sent, [](const Sent& each) {
        return each.send.destination == address("203.0.113.4");
    }));
}

TEST_CASE("the same seed and inputs give the same probes; another seed gives others") {
    const auto story = [](std::uint64_t seed) {
        auto given = options(Profile::quick);
        given.seed = seed;
        Bench box(given);
        box.watch(0, 0, Level::watched);
        box.run(3s);
        box.watch(0, 0, Level::suspect);
        box.run(3s);
        std::vector<std::pair<Instant, EchoHead>> sent;
        for (const auto& each : box.sent)
            sent.emplace_back(each.at, each.send.head);
        return sent;
    };
    CHECK(story(1) == story(1));
    CHECK(story(1) != story(2));
}

TEST_CASE("another configuration keeps round trips and numbers, and forgets what is in flight") {
    Bench bench(options(Profile::fast));
    bench.tell(SetLevel{UplinkId(0), PrefixSetId(0), Family::ipv4, Level::watched});
    bench.run(5s);
    const auto timeout = bench.prober.timeout(UplinkId(0), TargetId(0));
    CHECK(timeout < schedule(Profile::fast).timeout_cap);
    const auto last = bench.sent.back().send.probe;

    // One target goes, the rest keep their ids.
    Options after = options(Profile::fast);
    after.targets.pop_back();
    detour::Renumbering ids;
    ids.uplinks = {UplinkId(0), UplinkId(1)};
    ids.sets = {PrefixSetId(0), PrefixSetId(1)};
    for (std::uint16_t t = 0; t < 11; ++t)
        ids.targets.emplace_back(TargetId(t));
    ids.targets.emplace_back(std::nullopt);
    bench.prober.reconfigure(after, ids);
    CHECK(bench.prober.timeout(UplinkId(0), TargetId(0)) == timeout);
    const auto sent_before = bench.sent.size();
    const auto concluded_before = bench.concluded.size();
    bench.tell(SetLevel{UplinkId(0), PrefixSetId(0), Family::ipv4, Level::watched});
    bench.run(2s);
    REQUIRE(bench.sent.size() > sent_before);
    CHECK(bench.sent[sent_before].send.probe > last);
    for (std::size_t i = concluded_before; i < bench.concluded.size(); ++i) {
        CHECK(bench.concluded[i].outcome.probe > last);
        CHECK(bench.concluded[i].outcome.target != TargetId(11));
    }
}
