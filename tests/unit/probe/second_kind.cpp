// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// TCP and UDP beside ICMP.
#include <doctest/doctest.h>

#include <set>

#include "controlplane/probe/wire/segment.h"
#include "tests/unit/probe/bench.h"

using namespace bench;

namespace {

constexpr std::array every_profile{Profile::careful, Profile::quick, Profile::fast};

double count(const Bench& box, Kind kind, Instant from) {
    return static_cast<double>(std::ranges::count_if(box.sent, [&](const Sent& each) {
        const bool is_pair =
            each.send.probe_class == Class::control || each.send.probe_class == Class::beacon;
        return is_pair && each.send.kind == kind && each.at >= from;
    }));
}

std::size_t answered(const Bench& box) {
    return static_cast<std::size_t>(std::ranges::count_if(
        box.concluded, [](const Concluded& each) { return each.outcome.result != Result::lost; }));
}

std::uint16_t source_port(const Send& send) {
    return static_cast<std::uint16_t>(send.head[0] << 8 | send.head[1]);
}

}  // namespace

TEST_CASE("while nothing is suspected the second kind takes the place of ICMP, in turn") {
    for (const auto profile : every_profile) {
        Bench plain(options(profile));
        Bench box(with_second(options(profile)));
        for (Bench* each : {&plain, &box}) {
            each->watch(0, 0, Level::watched);
            each->watch(0, 1, Level::watched);
            each->run(120s);
        }
        const auto half_age = schedule(profile).armed_age / 2;
        const auto expected = static_cast<double>(120s / half_age) * 3;  // C and two B
        CHECK(count(box, Kind::tcp, {}) == doctest::Approx(expected).epsilon(0.15));
        CHECK(count(box, Kind::tcp, {}) + count(box, Kind::icmp, {}) ==
              doctest::Approx(count(plain, Kind::icmp, {})).epsilon(0.03));
        std::set<std::uint16_t> targets, beacons;
        for (const auto& each : box.outcomes(Class::beacon))
            if (each.outcome.kind == Kind::tcp) {
                CHECK(each.outcome.result == Result::ok);
                targets.insert(each.outcome.target->value);
                beacons.insert(each.outcome.beacon);
            }
        CHECK(targets.size() == 6);
        CHECK(beacons.size() == 2);
    }
}

TEST_CASE("on suspicion pairs of the second kind go beside ICMP's, each a new flow") {
    for (const Kind kind : {Kind::tcp, Kind::udp}) {
        Bench box(with_second(options(Profile::careful, 1), {kind, 443}));
        box.watch(0, 0, Level::watched);
        box.run(20s);
        const auto start = box.now;
        box.watch(0, 0, Level::suspect);
        box.run(5s);
        const auto second = count(box, kind, start);
        CHECK(second == doctest::Approx(count(box, Kind::icmp, start)).epsilon(0.1));
        CHECK(second > 200);
        std::map<std::uint32_t, std::vector<Outcome>> pairs;
        for (const auto& each : box.concluded)
            if (each.at >= start && each.outcome.kind == kind && each.outcome.pair != 0)
                pairs[each.outcome.pair].push_back(each.outcome);
        for (const auto& [pair, halves] : pairs) {
            if (halves.size() != 2)
                continue;
            CHECK(halves[0].probe_class != halves[1].probe_class);
            CHECK(halves[0].target == halves[1].target);
            const auto gap = halves[0].sent > halves[1].sent ? halves[0].sent - halves[1].sent
                                                             : halves[1].sent - halves[0].sent;
            CHECK(gap >= 5ms);
            CHECK(gap <= 21ms);
        }
        std::set<std::uint16_t> flows;
        std::size_t sends = 0;
        for (const auto& each : box.sent)
            if (each.at >= start && each.send.kind == kind) {
                CHECK(source_port(each.send) >= first_probe_port);
                flows.insert(source_port(each.send));
                ++sends;
            }
        CHECK(flows.size() > sends * 9 / 10);  // by lot among 4,536
    }
}

TEST_CASE("open and closed ports answer alike, and only the target itself answers") {
    for (const Kind kind : {Kind::tcp, Kind::udp})
        for (const Family family : {Family::ipv4, Family::ipv6})
            for (const Manner manner : {Manner::closed, Manner::open}) {
                Bench box(with_second(options(Profile::fast, 1), {kind, 443}));
                box.manner = manner;
                box.watch(0, 0, Level::watched, family);
                box.run(10s);
                unsigned good = 0;
                for (const auto& each : box.concluded)
                    if (each.outcome.kind == kind) {
                        CHECK(each.outcome.result == Result::ok);
                        CHECK(each.outcome.rtt == 20ms);
                        ++good;
                    }
                CHECK(good > 20);
                // The same words from another host, to another host, by another protocol.
                box.answer = [](const Send&) { return std::optional<Duration>(); };
                box.sent.clear();
                box.run(5s);
                const auto first = std::ranges::find_if(
                    box.sent, [&](const Sent& each) { return each.send.kind == kind; });
                REQUIRE(first != box.sent.end());
                const auto said = *detour::probe::answer(first->send, manner);
                box.concluded.clear();
                const auto stranger =
                    address(family == Family::ipv4 ? "203.0.113.99" : "2001:db8:500::99");
                box.tell(Reply{UplinkId(0), stranger, first->send.source, said.message, said.kind});
                box.tell(
                    Reply{UplinkId(0), first->send.destination, stranger, said.message, said.kind});
                box.tell(Reply{UplinkId(0), first->send.destination, first->send.source,
                               said.message, kind == Kind::tcp ? Kind::udp : Kind::tcp});
                CHECK(answered(box) == 0);
            }
}

TEST_CASE("a router's word about a datagram is no answer to it") {
    Bench box(with_second(options(Profile::fast, 1), {Kind::udp, 33434}));
    box.watch(0, 0, Level::watched);
    box.answer = [](const Send&) { return std::optional<Duration>(); };
    box.run(5s);
    box.concluded.clear();
    const auto& send = std::ranges::find_if(box.sent.rbegin(), box.sent.rend(), [](const Sent& s) {
                           return s.send.kind == Kind::udp;
                       })->send;
    using Meaning = IcmpError::Meaning;
    const auto router = address("192.0.2.77");
    for (const auto meaning : {Meaning::time_exceeded, Meaning::other, Meaning::port_unreachable}) {
        const auto message = answer_with_error(meaning, router, send.source, send.destination,
                                               udp_protocol, send.head);
        box.tell(Reply{UplinkId(0), router, send.source, message});
    }
    CHECK(answered(box) == 0);
    // The target itself says "port unreachable", quoting no more than it must.
    const auto message =
        answer_with_error(Meaning::port_unreachable, send.destination, send.source,
                          send.destination, udp_protocol, std::span(send.head).first(8));
    box.tell(Reply{UplinkId(0), send.destination, send.source, message});
    CHECK(answered(box) == 1);
}

TEST_CASE("a target without a second kind is asked by ICMP alone") {
    auto given = with_second(options(Profile::fast, 1));
    given.targets[2].second.reset();
    Bench box(given);
    box.watch(0, 0, Level::watched);
    box.run(10s);
    box.watch(0, 0, Level::suspect);
    box.run(2s);
    for (const auto& each : box.sent)
        if (each.send.destination == given.targets[2].address)
            CHECK(each.send.kind == Kind::icmp);
}
