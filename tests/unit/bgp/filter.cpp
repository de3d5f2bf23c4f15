// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What our operator wants to hear of a peer: the rules, and a session whose rules change.
#include "controlplane/bgp/policy/filter.h"

#include <doctest/doctest.h>

#include "tests/unit/bgp/world.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::AsNumber;
using detour::AsPathPattern;
using detour::Family;
using detour::Prefix;
using detour::PrefixRange;
using namespace std::chrono_literals;

namespace {

constexpr auto accept = ImportRule::Verdict::accept;
constexpr auto refuse = ImportRule::Verdict::refuse;

AsPath path(std::vector<std::uint32_t> numbers) {
    AsPath result;
    if (numbers.empty())
        return result;
    AsSegment& segment = result.segments.emplace_back();
    for (const std::uint32_t number : numbers)
        segment.numbers.emplace_back(number);
    return result;
}

PrefixRange range(std::string_view text) {
    return PrefixRange::parse(text).value();
}
AsPathPattern pattern(std::string_view text) {
    return AsPathPattern::parse(text).value();
}

// "accept 2", "refuse 0": the verdict and the rule that decided.
std::string judged(const std::vector<ImportRule>& rules, const PathAttributes& attributes,
                   std::string_view prefix_text) {
    const ImportFilter filter(rules);
    const auto judgement = filter.judge(filter.choose(attributes), prefix(prefix_text));
    return (judgement.verdict == accept ? "accept " : "refuse ") + std::to_string(judgement.rule);
}

// What the left speaker believes, by prefix.
std::string believed(const World& world) {
    std::string text;
    for (const RouteView& route : world.left.speaker.routes(peer))
        text +=
            route.prefix.to_string() + (route.refusal.empty() ? "" : ": " + route.refusal) + "\n";
    return text;
}

const Prefix ten = prefix("10.0.0.0/8");
const Prefix eleven = prefix("11.0.0.0/8");
const Prefix twelve = prefix("12.0.0.0/8");

SpeakerConfig with_import(std::vector<ImportRule> rules) {
    SpeakerConfig config = left_config();
    config.peers[0].import = std::move(rules);
    return config;
}

// The right one has announced 10/8, 11/8 with a community, and 12/8 with a longer path.
std::unique_ptr<World> told_world(const std::function<void(SpeakerConfig&)>& change = {}) {
    auto world = established_world([&](SpeakerConfig& left, SpeakerConfig& right) {
        right.declared = {ten, eleven, twelve};
        if (change)
            change(left);
    });
    Announcement marked;
    marked.communities = {Community(64496U << 16U | 7U)};
    Announcement longer;
    longer.prepend = 2;
    world->give(world->right, Announce{peer, {{ten, {}}, {eleven, marked}, {twelve, longer}}});
    world->run(1s);
    return world;
}

}  // namespace

TEST_CASE("an AS path pattern is met by the whole path") {
    struct Row {
        const char* pattern;
        std::vector<std::uint32_t> path;
        bool expected;
    };
    const std::vector<Row> rows{
        {"64496", {64496}, true},
        {"64496", {64496, 64501}, false},
        {"64496", {}, false},
        {"*", {}, true},
        {"*", {1, 2, 3}, true},
        {"?", {}, false},
        {"?", {7}, true},
        {"? ?", {7}, false},
        {"64496 *", {64496}, true},
        {"64496 *", {64496, 1, 2}, true},
        {"64496 *", {1, 64496}, false},
        {"* 64501", {64496, 64501}, true},
        {"* 64501", {64501, 64496}, false},
        {"* 64501", {64501, 64501}, true},
        {"* 5 *", {1, 2, 5, 6}, true},
        {"* 5 *", {1, 2, 6}, false},
        {"* 5 ? 7", {5, 5, 1, 7}, true},
        {"* 5 ? 7", {5, 1, 2, 7}, false},
        {"1 * 2 * 3", {1, 9, 2, 2, 9, 3}, true},
        {"1 * 2 * 3", {1, 3, 2}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.pattern);
        CAPTURE(path(row.path).to_string());
        CHECK(matches(pattern(row.pattern), path(row.path)) == row.expected);
    }
    AsPath with_set = path({64496});
    with_set.segments.push_back({AsSegment::Kind::set, {AsNumber(1), AsNumber(2)}});
    CHECK(matches(pattern("64496 2"), with_set));
    CHECK(matches(pattern("* 1"), with_set));
    CHECK_FALSE(matches(pattern("64496 1 2"), with_set));
    // A long path and many stars: no more than their product.
    CHECK_FALSE(matches(pattern("* 1 * 1 * 1 * 1 * 1 * 1 * 2"),
                        path(std::vector<std::uint32_t>(20'000, 1))));
}

TEST_CASE("a prefix list means what one of its ranges means") {
    const PrefixList list({range("10.0.0.0/8 le 16"), range("10.1.0.0/16 ge 24 le 24"),
                           range("0.0.0.0/0"), range("2001:db8::/32 ge 48")});
    for (const char* in :
         {"10.0.0.0/8", "10.2.0.0/16", "10.1.7.0/24", "0.0.0.0/0", "2001:db8:1::/48"})
        CHECK_MESSAGE(list.contains(prefix(in)), in);
    for (const char* out : {"10.2.7.0/24", "10.1.7.0/25", "11.0.0.0/8", "::/0", "2001:db8::/32"})
        CHECK_MESSAGE(!list.contains(prefix(out)), out);
    CHECK_FALSE(PrefixList({}).contains(prefix("0.0.0.0/0")));
}

TEST_CASE("the first import rule that means a route decides, and none is a refusal") {
    PathAttributes attributes;
    attributes.as_path = path({64496, 64501});
    attributes.communities = {Community(5), Community(6)};
    attributes.large_communities = {{64496, 1, 2}};
    const auto one = [&](const ImportRule& rule) {
        return judged({rule}, attributes, "10.0.0.0/8");
    };
    CHECK(judged({}, attributes, "10.0.0.0/8") == "refuse 0");
    CHECK(one({accept}) == "accept 1");
    CHECK(one({refuse}) == "refuse 1");
    CHECK(one({.prefixes = {range("11.0.0.0/8")}}) == "refuse 0");
    CHECK(one({.prefixes = {range("11.0.0.0/8"), range("10.0.0.0/8")}}) == "accept 1");
    CHECK(one({.as_paths = {pattern("* 64502"), pattern("* 64501")}}) == "accept 1");
    CHECK(one({.communities = {Community(7), Community(6)}}) == "accept 1");
    CHECK(one({.communities = {Community(7)}}) == "refuse 0");
    // Of both kinds one is enough: they stand in one list.
    CHECK(one({.communities = {Community(7)}, .large_communities = {{64496, 1, 2}}}) == "accept 1");
    CHECK(one({.prefixes = {range("10.0.0.0/8")}, .as_paths = {pattern("64502 *")}}) == "refuse 0");
    const std::vector<ImportRule> rules{
        {refuse, {range("10.0.0.0/8 ge 25")}}, {accept, {range("10.0.0.0/8 le 32")}}, {refuse}};
    CHECK(judged(rules, attributes, "10.0.0.0/25") == "refuse 1");
    CHECK(judged(rules, attributes, "10.0.0.0/24") == "accept 2");
    CHECK(judged(rules, attributes, "11.0.0.0/8") == "refuse 3");
}

TEST_CASE("a route that the import rules refuse says which of them, and is shown to nobody else") {
    const auto world = told_world([](SpeakerConfig& left) {
        left.peers[0].import = {{refuse, {}, {}, {Community(64496U << 16U | 7U)}},
                                {accept, {}, {pattern("64496")}}};
    });
    CHECK(believed(*world) ==
          "10.0.0.0/8\n11.0.0.0/8: refused by import rule 1\n12.0.0.0/8: no import rule accepts "
          "it\n");
    CHECK(learned(world->left) == std::vector{ten});
    CHECK(world->left.view().received[0] == 3);
    CHECK(world->left.view().accepted[0] == 1);
}

TEST_CASE("RFC 8212 3: a policy that was stated is obeyed to the letter, also when it is empty") {
    const auto world = told_world([](SpeakerConfig& left) { left.peers[0].import.emplace(); });
    CHECK(learned(world->left).empty());
    CHECK(world->left.view().received[0] == 3);
}

TEST_CASE("RFC 4271 9.1: other import rules are for what is there already, and cost no session") {
    const auto world = told_world();
    CHECK(learned(world->left) == std::vector{ten, eleven, twelve});
    world->left.said.clear();
    world->right.said.clear();
    const auto take = [&](std::vector<ImportRule> rules) {
        world->left.said.clear();
        world->configure(world->left, with_import(std::move(rules)));
    };
    take({{accept, {range("10.0.0.0/8"), range("12.0.0.0/8")}}});
    CHECK(learned(world->left).empty());
    REQUIRE(world->left.all<RoutesWithdrawn>().size() == 1);
    CHECK(world->left.all<RoutesWithdrawn>()[0].prefixes == std::vector{eleven});
    take({{refuse, {range("10.0.0.0/8")}}, {accept}});
    CHECK(learned(world->left) == std::vector{eleven});
    REQUIRE(world->left.all<RoutesWithdrawn>().size() == 1);
    CHECK(world->left.all<RoutesWithdrawn>()[0].prefixes == std::vector{ten});
    CHECK(world->left.all<RoutesLearned>()[0].attributes->communities.size() == 1);
    take({{refuse, {range("10.0.0.0/8")}}, {accept}});
    CHECK(world->left.said.empty());
    world->left.said.clear();
    world->configure(world->left, left_config());
    CHECK(learned(world->left) == std::vector{ten});
    world->run(1s);
    CHECK(world->left.view().established_count == 1);
    CHECK(world->left.view().accepted[0] == 3);
    CHECK(world->right.view().in.refreshes == 0);  // the peer was not even asked
}

TEST_CASE("many prefixes are warned of once in a session, before they end it") {
    const auto world = told_world([](SpeakerConfig& left) {
        left.peers[0].max_prefixes = 3;
        left.peers[0].max_prefixes_warning = 60;
    });
    const auto remarks = [&] { return world->left.all<Remark>(); };
    REQUIRE(remarks().size() == 1);
    CHECK(remarks()[0].level == Remark::Level::warning);
    CHECK(remarks()[0].text ==
          "2 ipv4 prefixes came, more than 60 % of the 3 that end the session");
    CHECK(world->left.view().is_near_limit[0]);
    CHECK_FALSE(world->left.view().is_near_limit[1]);
    CHECK(world->left.view().max_prefixes == 3);
    // Down and up again: still the same session, no news.
    world->give(world->right, Announce{peer, {{ten, {}}}});
    world->run(1s);
    CHECK_FALSE(world->left.view().is_near_limit[0]);
    world->give(world->right, Announce{peer, {{ten, {}}, {eleven, {}}}});
    world->run(1s);
    CHECK(remarks().size() == 1);
    // A session of its own has a warning of its own.
    world->break_connections();
    world->run(10s);
    CHECK(world->left.view().established_count == 2);
    CHECK(remarks().size() == 2);
    // Another line is drawn anew.
    SpeakerConfig config = left_config();
    config.peers[0].max_prefixes = 2;
    world->configure(world->left, config);
    CHECK(remarks().size() == 3);
    config.peers[0].max_prefixes_warning = 100;
    world->configure(world->left, config);
    CHECK(remarks().size() == 3);
}

TEST_CASE("RFC 4486 4: how long a session stays away that brought too many prefixes") {
    const auto world = told_world([](SpeakerConfig& left) { left.peers[0].max_prefixes = 3; });
    SpeakerConfig config = left_config();
    config.peers[0].max_prefixes = 2;
    const auto exceed = [&](std::optional<detour::Duration> restart) {
        config.peers[0].timers.max_prefix_restart = restart;
        world->configure(world->left, config);
        world->give(world->right, Resend{peer});
        world->run(1s);
        CHECK(world->left.view().state == State::idle);
    };
    SUBCASE("as long as was configured") {
        exceed(20s);
        world->give(world->right, Announce{peer, {{ten, {}}}});
        world->run(17s);
        CHECK(world->left.view().state == State::idle);
        world->run(10s);
        CHECK(world->left.view().state == State::established);
    }
    SUBCASE("until an operator clears it") {
        exceed(std::nullopt);
        CHECK(world->left.view().last_error->text ==
              "more than 2 ipv4 prefixes; it waits for a clear");
        world->give(world->right, Announce{peer, {{ten, {}}}});
        world->run(24h);
        CHECK(world->left.view().state == State::idle);
        world->give(world->left, Reset{peer, "cleared"});
        world->run(1min);
        CHECK(world->left.view().state == State::established);
    }
    SUBCASE("until the limit is raised") {
        exceed(std::nullopt);
        config.peers[0].max_prefixes = 3;
        world->configure(world->left, config);
        world->run(1min);
        CHECK(world->left.view().state == State::established);
        CHECK(world->left.view().received[0] == 3);
    }
    SUBCASE("a limit that is not raised, or a session that was stopped, ends no waiting") {
        exceed(std::nullopt);
        config.peers[0].import.emplace();
        world->configure(world->left, config);
        world->give(world->left, Stop{peer, ""});
        config.peers[0].max_prefixes = 3;
        world->configure(world->left, config);
        world->run(1min);
        CHECK(world->left.view().state == State::idle);
    }
}
