// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Walks of growing hop limits, and the path's MTU searched for by halves.
#include <doctest/doctest.h>

#include <set>

#include "controlplane/probe/wire/segment.h"
#include "tests/unit/probe/bench.h"

using namespace bench;

namespace {

Address router(unsigned hop) {
    return address("192.0.2." + std::to_string(200 + hop));
}

// A path of `length` routers before the target; those in `silent` do not answer.
void lay_path(Bench& box, unsigned length, std::set<unsigned> silent = {}) {
    box.say = [length, silent = std::move(silent)](const Send& send) -> std::optional<Answer> {
        if (!send.hop_limit || *send.hop_limit > length)
            return detour::probe::answer(send);
        if (silent.contains(*send.hop_limit))
            return std::nullopt;
        return Answer{Kind::icmp,
                      answer_with_error(IcmpError::Meaning::time_exceeded, router(*send.hop_limit),
                                        send.source, send.destination, 1, send.head)};
    };
    box.teller = [length](const Send& send) {
        return send.hop_limit && *send.hop_limit <= length ? router(*send.hop_limit)
                                                           : send.destination;
    };
}

}  // namespace

TEST_CASE("a walk names who is on the way, from the block or from outside it") {
    for (const bool is_block : {true, false}) {
        Bench box(options(Profile::careful));
        box.watch(0, 0, Level::watched);
        lay_path(box, 3, {2});
        box.run(20s);
        Walk walk{.number = 7, .uplink = UplinkId(0), .family = Family::ipv4, .set = {}};
        if (is_block)
            walk.set = PrefixSetId(1);
        box.tell(walk);
        box.run(60s);
        REQUIRE(box.walked.size() == 1);
        const auto& done = box.walked[0];
        CHECK(done.request.number == 7);
        CHECK(done.source == address(is_block ? "198.51.1.2" : "192.0.2.10"));
        REQUIRE(done.hops.size() == 4);
        CHECK(done.hops[0].says == Hop::Says::passed);
        CHECK(done.hops[0].router == router(1));
        CHECK(done.hops[0].rtt == 20ms);
        CHECK(done.hops[0].arrival == UplinkId(0));
        CHECK_FALSE(done.hops[1].says);
        CHECK(done.hops[2].number == 3);
        CHECK(done.hops[3].says == Hop::Says::arrived);
        CHECK(done.hops[3].router == done.destination);
        // It is no evidence.
        CHECK(box.outcomes(Class::walk).empty());
    }
}

TEST_CASE("a walk into a null route ends with the last who can return") {
    Bench box(options(Profile::careful));
    lay_path(box, 9, {3, 4, 5, 6, 7, 8, 9});
    box.tell(Walk{.number = 1, .uplink = UplinkId(0), .family = Family::ipv4, .set = {}});
    box.run(60s);
    REQUIRE(box.walked.size() == 1);
    CHECK(box.walked[0].hops.size() == 2);
    // Two tries for each of four silent hops, and no more.
    CHECK(box.sends(Class::walk).size() == 2 + 4 * 2);
}

TEST_CASE("walks keep the caps, end on a dead uplink, and may run side by side") {
    auto given = options(Profile::careful);
    given.probe_limit = 20;
    Bench box(given);
    box.watch(0, 0, Level::watched);
    lay_path(box, 20);
    box.run(20s);
    for (std::uint32_t i = 0; i < 8; ++i)
        box.tell(Walk{.number = i, .uplink = UplinkId(i % 2), .family = Family::ipv4, .set = {}});
    box.run(2s);
    box.tell(UplinkUsable{UplinkId(1), Usability::unusable});
    box.run(90s);
    CHECK(box.walked.size() == 8);
    for (const auto& [destination, most] : box.fullest_second(Instant{}))
        CHECK(most <= given.schedule.idle_rate);
    std::set<std::uint32_t> numbers;
    for (const auto& walk : box.walked)
        numbers.insert(walk.request.number);
    CHECK(numbers.size() == 8);
}

TEST_CASE("a probe of a walk that cannot be sent is a silent hop, and the walk goes on") {
    Bench box(options(Profile::careful));
    lay_path(box, 2);
    box.refuses = [](const Send& send) { return send.hop_limit == 1; };
    box.tell(Walk{.number = 1, .uplink = UplinkId(0), .family = Family::ipv4, .set = {}});
    box.run(10s);
    REQUIRE(box.walked.size() == 1);
    REQUIRE(box.walked[0].hops.size() == 3);
    CHECK_FALSE(box.walked[0].hops[0].says);
    CHECK(box.walked[0].hops[2].says == Hop::Says::arrived);
}

TEST_CASE("the path's MTU is found to the byte, said once, and said when it is well again") {
    for (const auto profile : {Profile::careful, Profile::fast})
        for (const double loss : {0.0, 0.1})
            for (const std::uint16_t carries : {std::uint16_t{1476}, std::uint16_t{1475},
                                                std::uint16_t{1400}, std::uint16_t{600}}) {
                CAPTURE(carries);
                CAPTURE(loss);
                Bench box(options(profile, 1));
                std::uint16_t path = 1476;
                std::mt19937_64 lot(5);
                box.answer = [&](const Send& send) -> std::optional<Duration> {
                    const bool is_large = send.uplink == UplinkId(1) &&
                                          send.source.family() == Family::ipv4 &&
                                          send.size + 20 > path;
                    if (is_large || static_cast<double>(lot() % 1000) / 1000 < loss)
                        return std::nullopt;
                    return 20ms;
                };
                box.watch(0, 0, Level::watched);
                box.run(60s);
                path = carries;
                box.run(180s);
                std::vector<std::uint16_t> said;
                for (const auto& found : box.path_mtus)
                    if (found.uplink == UplinkId(1) && found.family == Family::ipv4) {
                        CHECK(found.wanted == 1476);
                        said.push_back(found.mtu);
                    }
                REQUIRE(!said.empty());
                CHECK(said.back() == carries);
                if (loss == 0)
                    CHECK(said.size() == (carries == 1476 ? 1 : 2));
                path = 1476;
                box.path_mtus.clear();
                box.run(60s);
                CHECK(box.path_mtus.size() == (carries == 1476 ? 0 : 1));
            }
}

TEST_CASE("the search for the path's MTU waits for room, and goes on") {
    auto given = options(Profile::fast, 1);
    given.probe_limit = 40;
    Bench box(given);
    std::uint16_t path = 1476;
    box.answer = [&](const Send& send) -> std::optional<Duration> {
        const bool is_large = send.uplink == UplinkId(1) && send.size + 20 > path;
        return is_large ? std::nullopt : std::optional<Duration>(20ms);
    };
    box.watch(0, 0, Level::watched);
    for (const std::uint16_t carries :
         {std::uint16_t{1400}, std::uint16_t{1476}, std::uint16_t{1300}}) {
        path = carries;
        box.run(1200s);
        CHECK(box.prober.load().stretch > 1);
        REQUIRE(!box.path_mtus.empty());
        CHECK(box.path_mtus.back().mtu == carries);
    }
}

TEST_CASE("an uplink that carries nothing has no MTU") {
    Bench box(options(Profile::fast, 1));
    box.watch(0, 0, Level::watched);
    box.run(10s);
    box.path_mtus.clear();
    box.answer = [](const Send& send) {
        return send.uplink == UplinkId(1) ? std::nullopt : std::optional<Duration>(20ms);
    };
    box.run(120s);
    CHECK(box.path_mtus.empty());
}
