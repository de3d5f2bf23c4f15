// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What neighbours say about our own space, by their own messages.
#include "controlplane/controller/own_space.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "controlplane/bgp/wire/update.h"
#include "tests/unit/controller/bench.h"

using namespace std::chrono_literals;
using namespace bench;
using decision::Verdict;

namespace {

const Address provider4 = *Address::parse("192.0.2.1");
const Address partner4 = *Address::parse("10.255.0.0");
const PrefixSetId mail{0};
const PrefixSetId web{1};

struct Route {
    const char* prefix;
    std::vector<std::uint32_t> path;
    std::vector<bgp::Community> communities{};
};

Bytes update(const Route& route, const Address& next_hop) {
    bgp::PathAttributes attributes;
    bgp::AsSegment sequence;
    for (const auto asn : route.path)
        sequence.numbers.emplace_back(asn);
    attributes.as_path.segments.push_back(sequence);
    attributes.next_hop = next_hop;
    attributes.communities = route.communities;
    const Prefix prefix = *Prefix::parse(route.prefix);
    Bytes bytes;
    REQUIRE(bgp::encode_announcement(bytes, attributes, {&prefix, 1}, {}) == 1);
    return bytes;
}

Bytes withdrawal(const char* text) {
    const Prefix prefix = *Prefix::parse(text);
    Bytes bytes;
    REQUIRE(bgp::encode_withdrawal(bytes, {&prefix, 1}, {}) == 1);
    return bytes;
}

std::vector<decision::Said> said(const Bench& box, std::string_view rule) {
    std::vector<decision::Said> found;
    for (const auto& record : box.records())
        if (const auto* action = std::get_if<decision::Action>(&record.body))
            if (const auto* word = std::get_if<decision::Said>(&action->deed))
                if (word->why.rule == rule)
                    found.push_back(*word);
    return found;
}

}  // namespace

TEST_CASE("our block, or a part of it, with a foreign origin is HIJACK until it is withdrawn") {
    for (const char* prefix : {"198.51.100.0/24", "198.51.100.128/25", "198.51.100.7/32"}) {
        Bench box(story());
        box.settle();
        box.say(partner4, update({prefix, {64497, 64666}}, partner4));
        box.run(1s);
        CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::hijack);
        CHECK(box.verdict(provider, web, Family::ipv4) == Verdict::healthy);
        CHECK(box.egress(mail, Family::ipv4) == provider);
        box.say(partner4, withdrawal(prefix));
        box.run(2s);
        CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::healthy);
        // The end of the session takes back what was told on it.
        box.say(partner4, update({prefix, {64497, 64666}}, partner4));
        box.run(1s);
        CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::hijack);
        box.cut(partner4);
        box.run(1s);
        CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::healthy);
    }
}

TEST_CASE("an aggregate, a default and our own origin are ordinary") {
    Bench box(story());
    box.settle();
    for (const Route& route : {Route{"198.51.0.0/16", {64497, 64666}}, Route{"0.0.0.0/0", {64497}},
                               Route{"198.51.100.0/24", {64497, 64496, 64500}},
                               Route{"198.51.101.0/24", {64497, 64666}}})
        box.say(partner4, update(route, partner4));
    box.run(2s);
    for (const PrefixSetId set : {mail, web})
        CHECK(box.verdict(provider, set, Family::ipv4) == Verdict::healthy);
}

TEST_CASE("an origin that the set names is ordinary, and a null route is escaped from beside it") {
    model::Config config = story();
    config.prefix_sets[mail.value].other_origins = {AsNumber(64496), AsNumber(64511)};
    Bench box(std::move(config));
    box.settle();
    box.say(provider4, update({"198.51.100.0/24", {64496}}, provider4));
    box.say(partner4, update({"198.51.100.128/25", {64497, 64511}}, partner4));
    box.say(partner4, update({"203.0.113.0/24", {64497, 64511}}, partner4));
    box.run(2s);
    CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::healthy);
    CHECK(box.verdict(provider, web, Family::ipv4) == Verdict::hijack);
    box.null_routes = {{provider, mail}};
    CHECK(box.run_until([&] { return box.egress(mail, Family::ipv4) == partner; }, 5s));
}

TEST_CASE("a BLACKHOLE community is a warning and a figure, and never a verdict") {
    Bench box(story());
    box.settle();
    box.say(provider4, update({"198.51.100.7/32", {64496}, {bgp::blackhole}}, provider4));
    box.run(10s);
    CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::healthy);
    REQUIRE(said(box, "blackhole told").size() == 1);
    const auto told = said(box, "blackhole told")[0];
    CHECK(told.severity == decision::Severity::warning);
    CHECK(told.uplink == provider);
    CHECK(told.block == decision::Block{mail, Family::ipv4});
    CHECK(told.why.note.find("198.51.100.7/32") != std::string::npos);
    // With what probes say it stands in the explanation.
    box.null_routes = {{provider, mail}};
    REQUIRE(box.run_until(
        [&] { return box.verdict(provider, mail, Family::ipv4) == Verdict::nullrouted; }, 5s));
    for (const auto& watch : box.box().view(box.now).decision.watches)
        if (watch.uplink == provider && watch.block == decision::Block{mail, Family::ipv4})
            CHECK(watch.why.find("blackhole-told") != nullptr);
    box.say(provider4, withdrawal("198.51.100.7/32"));
    box.run(1s);
    CHECK(said(box, "blackhole withdrawn").size() == 1);
}

TEST_CASE("another configuration tells nothing twice, and forgets what it has no more") {
    model::Config config = story();
    const controller::PeerBook peers(config);
    controller::OwnSpace space(config);
    bgp::PathAttributes attributes;
    attributes.as_path.segments.push_back({.numbers = {AsNumber(64497), AsNumber(64666)}});
    const auto routes = std::make_shared<const bgp::PathAttributes>(attributes);
    const bgp::PeerId peer = peers.peers_of(partner).at(0);
    space.note(bgp::RoutesLearned{peer, routes, {*Prefix::parse("198.51.100.7/32")}});
    CHECK(space.news(peers).size() == 1);
    const detour::Renumbering same{{provider, partner}, {mail, web}, {}};
    space.renumber(same);
    CHECK(space.news(peers).empty());
    // Mail is another set now; its news go by the new number.
    std::swap(config.prefix_sets[0].id, config.prefix_sets[1].id);
    space.renumber({{provider, partner}, {web, mail}, {}});
    CHECK(space.news(peers).empty());
    // An origin that is allowed now is no news of a hijack any more.
    config.prefix_sets[0].other_origins = {AsNumber(64666)};
    space.renumber({{provider, partner}, {mail, web}, {}});
    REQUIRE(space.news(peers).size() == 1);
    config.prefix_sets[0].other_origins.clear();
    space.renumber({{provider, partner}, {mail, web}, {}});
    REQUIRE(space.news(peers).size() == 1);
    space.note(bgp::RoutesWithdrawn{peer, {*Prefix::parse("198.51.100.7/32")}});
    const auto news = space.news(peers);
    REQUIRE(news.size() == 1);
    const auto* state = std::get_if<decision::OriginState>(&news[0]);
    REQUIRE(state != nullptr);
    CHECK(state->state == decision::OriginState::State::fine);
    CHECK(state->block == decision::Block{web, Family::ipv4});
}
