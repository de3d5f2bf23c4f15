// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/bgp_routes.h"

#include <doctest/doctest.h>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::observe::best_json;
using detour::observe::Names;
using detour::observe::RouteQuery;
using detour::observe::routes_json;
namespace model = detour::model;

namespace {

model::Config one_peer() {
    model::Config config;
    model::Uplink& uplink = config.uplinks.emplace_back();
    uplink.name = "provider";
    uplink.bgp.emplace();
    uplink.bgp->peers = {right_address};
    return config;
}

}  // namespace

TEST_CASE("which routes a question means") {
    using Match = RouteQuery::Match;
    const auto asks = [](const char* text, Match match, const char* route) {
        return RouteSelection{prefix(text), match}.means(prefix(route));
    };
    CHECK(RouteSelection{}.means(mail));
    CHECK(asks("198.51.100.0/24", Match::exact, "198.51.100.0/24"));
    CHECK_FALSE(asks("198.51.100.0/24", Match::exact, "198.51.100.0/25"));
    CHECK(asks("198.51.100.0/24", Match::longer, "198.51.100.0/25"));
    CHECK_FALSE(asks("198.51.100.0/24", Match::longer, "198.51.0.0/16"));
    CHECK(asks("198.51.100.7/32", Match::covering, "198.51.0.0/16"));
    CHECK_FALSE(asks("198.51.100.7/32", Match::covering, "203.0.113.0/24"));
    CHECK_FALSE(asks("0.0.0.0/0", Match::longer, "::/0"));
}

TEST_CASE("routes are told with their attributes and with the reason why one is not believed") {
    const model::Config config = one_peer();
    const Names names(config);
    Script script;
    script.establish();
    script.hear(good_update());
    const detour::Bytes looped = attribute(0x40, 2, {2, 2, 0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf4});
    script.hear(message(
        MessageType::update,
        update_body({}, concatenated({origin_igp, looped, next_hop_1}), {24, 203, 0, 113})));
    const auto in = routes_json(script.node.speaker, peer, {}, names);
    CHECK(in.at("peer") == "192.0.2.1");
    CHECK(in.at("uplink") == "provider");
    CHECK(in.at("state") == "Established");
    REQUIRE(in.at("routes").size() == 2);
    CHECK(in.at("routes")[0].at("prefix") == "198.51.100.0/24");
    CHECK(in.at("routes")[0].at("attributes") == "ORIGIN IGP, AS_PATH 64496, NEXT_HOP 192.0.2.1");
    CHECK(in.at("routes")[0].at("refusal").is_null());
    CHECK(in.at("routes")[1].at("refusal") == "our own AS in the path");
    RouteQuery one;
    one.selection.limit = 1;
    const auto cut = routes_json(script.node.speaker, peer, one, names);
    CHECK(cut.at("routes").size() == 1);
    CHECK(cut.at("left_off") == 1);

    // No import policy was stated: the decision process has nothing to choose from.
    CHECK(best_json(script.node.speaker, {}, names).at("best").empty());
    SpeakerConfig with_policy = left_config();
    with_policy.peers[0].import = std::vector{ImportRule{}};
    CHECK(script.node.speaker.configure(script.now, with_policy).empty());
    const auto best = best_json(script.node.speaker, {}, names);
    REQUIRE(best.at("best").size() == 1);
    CHECK(best.at("best")[0].at("prefix") == "198.51.100.0/24");
    CHECK(best.at("best")[0].at("paths")[0].at("uplink") == "provider");
    CHECK(best.at("best")[0].at("paths")[0].at("lost").is_null());

    Announcement leaving;
    leaving.prepend = 1;
    script.give(Announce{peer, {{mail, leaving}}});
    RouteQuery out;
    out.direction = RouteQuery::Direction::out;
    const auto told = routes_json(script.node.speaker, peer, out, names);
    REQUIRE(told.at("routes").size() == 1);
    CHECK(told.at("routes")[0].at("attributes") ==
          "ORIGIN IGP, AS_PATH 64500 64500, NEXT_HOP 192.0.2.2");
    CHECK(told.at("routes")[0].at("progress") == "sent");
}
