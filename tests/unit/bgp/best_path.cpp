// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which route is the best, step by step, and what a speaker says of its peers' routes together.
#include "controlplane/bgp/rib/best_path.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::Bytes;
using detour::Prefix;

namespace {

// A route and whom it came from, with what the tests change.
struct Route {
    PathAttributes attributes;
    PeerScope scope = PeerScope::external;
    std::string_view router_id = "192.0.2.1";
    std::string_view remote = "192.0.2.1";
};

Route route(std::vector<std::uint32_t> path) {
    Route result;
    for (const std::uint32_t number : path)
        result.attributes.as_path.segments.push_back(
            {AsSegment::Kind::sequence, {AsNumber(number)}});
    return result;
}

Route changed(Route route, const std::function<void(Route&)>& change) {
    change(route);
    return route;
}

std::vector<PathStep> compared(const std::vector<Route>& routes) {
    std::vector<Candidate> candidates;
    for (const Route& each : routes)
        candidates.push_back(
            {&each.attributes, each.scope, address(each.router_id), address(each.remote)});
    return compare_paths(candidates);
}

}  // namespace

TEST_CASE("RFC 4271 9.1.1, 9.1.2.2: each step decides when those before it do not") {
    const Route plain = route({64496, 64501});
    struct Row {
        const char* what;
        Route better;
        Route worse;
        PathStep step;
    };
    const std::vector<Row> rows{
        {"RFC 4271 9.1.1: the higher degree of preference, before the length of the path",
         changed(route({64496, 1, 2, 3}), [](Route& r) { r.attributes.local_pref = 101; }), plain,
         PathStep::local_preference},
        {"RFC 4271 9.1.2.2: a) the shorter AS_PATH", route({64497}),
         changed(plain, [](Route& r) { r.router_id = "10.0.0.1"; }), PathStep::path_length},
        {"RFC 4271 9.1.2.2: a) a set counts as one",
         changed(route({64496}),
                 [](Route& r) {
                     r.attributes.as_path.segments.push_back(
                         {AsSegment::Kind::set, {AsNumber(1), AsNumber(2), AsNumber(3)}});
                 }),
         route({64496, 1, 2}), PathStep::path_length},
        {"RFC 4271 9.1.2.2: b) the lower ORIGIN", plain,
         changed(plain, [](Route& r) { r.attributes.origin = Origin::incomplete; }),
         PathStep::origin},
        {"RFC 4271 9.1.2.2: c) the lower MULTI_EXIT_DISC",
         changed(plain, [](Route& r) { r.attributes.med = 5; }),
         changed(plain, [](Route& r) { r.attributes.med = 6; }), PathStep::med},
        {"RFC 4271 9.1.2.2: c) none is the lowest", plain,
         changed(plain, [](Route& r) { r.attributes.med = 1; }), PathStep::med},
        {"RFC 4271 9.1.2.2: d) external before internal", plain,
         changed(plain,
                 [](Route& r) {
                     r.scope = PeerScope::internal;
                     r.router_id = "10.0.0.1";
                 }),
         PathStep::external},
        {"RFC 4271 9.1.2.2: f) the lower BGP identifier",
         changed(plain, [](Route& r) { r.router_id = "10.0.0.1"; }),
         changed(plain, [](Route& r) { r.remote = "10.0.0.1"; }), PathStep::router_id},
        {"RFC 4271 9.1.2.2: g) the lower address",
         changed(plain, [](Route& r) { r.remote = "10.0.0.1"; }), plain, PathStep::address},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(compared({row.better, row.worse}) == std::vector{PathStep::none, row.step});
        CHECK(compared({row.worse, row.better}) == std::vector{row.step, PathStep::none});
    }
    CHECK(compared({plain}) == std::vector{PathStep::none});
    CHECK(compared({}).empty());
}

TEST_CASE("RFC 4271 9.1.2.2: MULTI_EXIT_DISC is compared within a neighbouring AS alone") {
    const auto with = [](std::uint32_t asn, std::uint32_t med, std::string_view id) {
        return changed(route({asn}), [&](Route& r) {
            r.attributes.med = med;
            r.router_id = id;
        });
    };
    // The lowest of all loses to another AS by its identifier; 7 loses to 5 of its own AS.
    CHECK(compared({with(1, 5, "10.0.0.2"), with(1, 7, "10.0.0.1"), with(2, 9, "10.0.0.1")}) ==
          std::vector{PathStep::router_id, PathStep::med, PathStep::none});
}

TEST_CASE("RFC 4271 9.1.2.2: the order in which routes are asked about decides nothing") {
    std::mt19937 random(7);  // NOLINT: the same dice every time
    const auto pick = [&](std::uint32_t count) {
        return static_cast<std::uint32_t>(random() % count);
    };
    for (int turn = 0; turn < 500; ++turn) {
        std::vector<Route> routes;
        for (std::uint32_t i = 0; i < 2 + pick(5); ++i) {
            Route each = route(pick(2) == 0 ? std::vector<std::uint32_t>{1 + pick(2)}
                                            : std::vector<std::uint32_t>{1 + pick(2), 9});
            each.attributes.med = pick(3);
            each.attributes.origin = pick(4) == 0 ? Origin::egp : Origin::igp;
            each.router_id = pick(2) == 0 ? "10.0.0.1" : "10.0.0.2";
            each.attributes.aggregator = Aggregator{AsNumber(i), {}};  // who it is
            routes.push_back(each);
        }
        static constexpr std::array<std::string_view, 7> addresses{
            "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5", "10.0.1.6", "10.0.1.7"};
        for (std::size_t i = 0; i < routes.size(); ++i)
            routes[i].remote = addresses.at(i);
        const auto best = [&] {
            const auto steps = compared(routes);
            REQUIRE(std::ranges::count(steps, PathStep::none) == 1);
            return routes[static_cast<std::size_t>(std::ranges::find(steps, PathStep::none) -
                                                   steps.begin())]
                .remote;
        };
        const auto first = best();
        for (int again = 0; again < 5; ++again) {
            std::ranges::shuffle(routes, random);
            CHECK(best() == first);
        }
    }
}

TEST_CASE("RFC 8212 3: only what a stated policy accepts is eligible, of all peers together") {
    // Two peers, each a connection by which the test speaks.
    Speaker speaker([] { return 1.0; });
    SpeakerConfig config = left_config();
    config.peers.push_back(config.peers[0]);
    config.peers[1].id = PeerId(1);
    config.peers[1].name = "other";
    config.peers[1].transport.remote = address("192.0.2.9");
    config.peers[1].asn = AsNumber(64497);
    config.peers[0].import = std::vector{ImportRule{}};
    const auto say = [&](const Input& input) { return speaker.handle({}, input); };
    std::map<PeerId, ConnectionId> connections;
    for (const Output& output : speaker.configure({}, config))
        if (const auto* call = std::get_if<Connect>(&output))
            connections[call->peer] = call->connection;
    for (const PeerConfig& each : config.peers) {
        const ConnectionId connection = connections.at(each.id);
        static_cast<void>(say(Connected{connection}));
        for (const Bytes& bytes :
             {encode(our_open(each.asn, each.transport.remote, right_config().peers[0], {})),
              encode_keepalive()})
            static_cast<void>(say(Received{connection, bytes}));
        REQUIRE(speaker.peer(each.id)->state == State::established);
    }
    const auto hear = [&](PeerId from, const Bytes& path, const Bytes& nlri) {
        const Bytes bytes =
            message(MessageType::update,
                    update_body({}, concatenated({origin_igp, path, next_hop_1}), nlri));
        static_cast<void>(say(Received{connections.at(from), bytes}));
    };
    const Bytes path_64497 = attribute(0x40, 2, {2, 1, 0, 0, 0xfb, 0xf1});
    const Bytes longer = attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf5});
    hear(PeerId(0), longer, {24, 198, 51, 100, 24, 203, 0, 113});
    hear(PeerId(1), path_64497, {24, 198, 51, 100, 8, 10});
    const auto told = [&](const RouteSelection& selection) {
        std::string text;
        const BestRoutes best = speaker.best(selection);
        for (const BestRoute& each : best.routes) {
            text += each.prefix.to_string();
            for (const BestRoute::Path& path : each.paths)
                text += " " + std::to_string(path.peer.value) +
                        (path.lost_at == PathStep::none
                             ? ""
                             : " (" + std::string(to_string(path.lost_at)) + ")");
            text += "; ";
        }
        return text + std::to_string(best.left_off);
    };
    // No policy was stated for the other: what it says is evidence alone.
    CHECK(told({}) == "198.51.100.0/24 0; 203.0.113.0/24 0; 0");
    const ImportRule but_ten{ImportRule::Verdict::refuse,
                             {*detour::PrefixRange::parse("10.0.0.0/8")}};
    config.peers[1].import = std::vector{but_ten, ImportRule{}};
    static_cast<void>(speaker.configure({}, config));
    CHECK(told({}) == "198.51.100.0/24 1 0 (a longer AS_PATH); 203.0.113.0/24 0; 0");
    CHECK(told({.limit = 1}) == "198.51.100.0/24 1 0 (a longer AS_PATH); 1");
    CHECK(told({prefix("203.0.113.7/32"), RouteSelection::Match::covering}) ==
          "203.0.113.0/24 0; 0");
    config.peers[1].import->front().verdict = ImportRule::Verdict::accept;
    static_cast<void>(speaker.configure({}, config));
    CHECK(told({.limit = 1}) == "10.0.0.0/8 1; 2");
}
