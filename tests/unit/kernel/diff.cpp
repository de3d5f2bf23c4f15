// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/diff.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "controlplane/kernel/plan/apply.h"
#include "controlplane/kernel/plan/desired.h"
#include "tests/unit/kernel/model_kernel.h"
#include "tests/unit/kernel/story.h"

namespace detour::kernel::plan {
namespace {

using story::mail;
using story::partner;
using story::provider;
using story::web;

std::vector<std::string> lines(const std::vector<Operation>& operations) {
    std::vector<std::string> result;
    for (const Operation& operation : operations)
        result.push_back(to_string(operation));
    return result;
}

// Runs every operation; the kernel refuses none, and plan/apply agrees with it on the result.
void settle(ModelKernel& kernel, const Desired& wanted) {
    Actual picture = kernel.state;
    for (const Operation& operation : diff(wanted, kernel.state).operations) {
        CAPTURE(to_string(operation));
        REQUIRE(kernel.execute(operation) == "");
        apply(picture, operation);
    }
    CHECK(picture.nexthops == kernel.state.nexthops);
    CHECK(picture.routes == kernel.state.routes);
    CHECK(picture.rules == kernel.state.rules);
}

ModelKernel fresh() {
    ModelKernel kernel;
    kernel.state.links = story::links();
    return kernel;
}

Placement random_placement(std::mt19937& random) {
    Placement placement;
    for (const auto& [placed, place] : story::all_on(provider).places) {
        Place& chosen = placement.places[placed];
        if (random() % 3 != 0)
            chosen.uplinks.push_back(provider);
        if (random() % 3 != 0)
            chosen.uplinks.push_back(partner);
    }
    return placement;
}

model::Config random_config(std::mt19937& random) {
    auto config = story::config();
    if (random() % 4 == 0)
        config.uplinks[0].gateways = {story::ip("192.0.2.1"), story::ip("2001:db8:1::9")};
    if (random() % 4 == 0)
        config.prefix_sets[0].prefixes.push_back(story::prefix("198.51.101.0/24"));
    if (random() % 4 == 0)
        config.prefix_sets[1].next_hops[0] = story::ip("10.1.0.3");
    if (random() % 4 == 0)
        config.prefix_sets.pop_back();
    if (random() % 4 == 0)
        config.ports[0].mtu = 9000;
    return config;
}

}  // namespace

TEST_CASE("an empty kernel is brought to the desired state in one pass, and then left alone") {
    ModelKernel kernel = fresh();
    const auto wanted = desired(story::config(), story::all_on(provider), kernel.state.links);
    settle(kernel, wanted);
    CHECK(diff(wanted, kernel.state).operations.empty());
    CHECK(diff(wanted, kernel.state).conflicts.empty());
    CHECK(kernel.state.routes == wanted.routes);
    CHECK(kernel.state.nexthops == wanted.nexthops);
}

TEST_CASE("a move is one batch of member, group and default route of both families") {
    ModelKernel kernel = fresh();
    settle(kernel, desired(story::config(), story::all_on(provider), kernel.state.links));
    auto placement = story::all_on(provider);
    placement.places[{web, Family::ipv4}] = {{partner}};
    placement.places[{web, Family::ipv6}] = {{partner}};
    const auto wanted = desired(story::config(), placement, kernel.state.links);
    CHECK(lines(diff(wanted, kernel.state).operations) ==
          std::vector<std::string>{
              "-4 nexthop replace id 0xf000002 dev #5", "-6 nexthop replace id 0xf000003 dev #5",
              "nexthop replace id 0xf100002 group 0xf000002",
              "nexthop replace id 0xf100003 group 0xf000003",
              "route replace 0.0.0.0/0 nhid 0xf100002 table 1500001 metric 142",
              "route replace ::/0 nhid 0xf100003 table 1500001 metric 142"});
}

TEST_CASE("what a move changes is found without looking at the prefixes, and nothing is removed") {
    std::mt19937 random(2);
    ModelKernel kernel = fresh();
    settle(kernel, desired(story::config(), story::all_on(provider), kernel.state.links));
    for (int round = 0; round < 100; ++round) {
        if (round % 7 == 0)
            kernel.clear_carrier(story::wan0);
        else
            kernel.set_carrier(story::wan0);
        const auto placement = random_placement(random);
        const auto whole = desired(story::config(), placement, kernel.state.links);
        const auto part = ways_out(story::config(), placement, kernel.state.links);
        for (const Operation& operation : diff(part, kernel.state, Extent::part).operations) {
            CAPTURE(to_string(operation));
            REQUIRE(operation.verb != Verb::remove);
            REQUIRE(kernel.execute(operation) == "");
        }
        // What is left to do is no next hop, group or default of a set that has one.
        for (const Operation& operation : diff(whole, kernel.state).operations)
            if (operation.verb != Verb::remove)
                REQUIRE(std::holds_alternative<Route>(operation.object));
        settle(kernel, whole);
    }
}

TEST_CASE("after a silent flush and the link's return everything on it is made again") {
    ModelKernel kernel = fresh();
    const auto config = story::config();
    const auto placement = story::all_on(provider);
    const auto before = desired(config, placement, kernel.state.links);
    settle(kernel, before);
    kernel.clear_carrier(story::wan0);
    settle(kernel, desired(config, placement, kernel.state.links));
    CHECK_FALSE(kernel.state.nexthops.contains(nexthop::of(mail, Family::ipv4)));
    kernel.set_carrier(story::wan0);
    settle(kernel, desired(config, placement, kernel.state.links));
    CHECK(kernel.state.routes == before.routes);
    CHECK(kernel.state.nexthops == before.nexthops);
}

TEST_CASE("the inferred flush is the kernel's") {
    ModelKernel kernel = fresh();
    auto placement = story::all_on(provider);
    placement.places[{mail, Family::ipv4}] = {{provider, partner}};
    settle(kernel, desired(story::config(), placement, kernel.state.links));
    Actual picture = kernel.state;
    kernel.clear_carrier(story::wan0);
    flush(picture, story::wan0);
    CHECK(picture.nexthops == kernel.state.nexthops);
    CHECK(picture.routes == kernel.state.routes);
}

TEST_CASE("a nexthop id of another protocol is a conflict, and what would need it is left out") {
    ModelKernel kernel = fresh();
    const NexthopId stolen = nexthop::of(provider, Family::ipv4);
    const Nexthop foreign{stolen, Via{Family::ipv4, story::lan0, {}}, 196};
    kernel.state.nexthops[stolen] = foreign;
    const auto wanted = desired(story::config(), story::all_on(provider), kernel.state.links);
    settle(kernel, wanted);
    const auto rest = diff(wanted, kernel.state);
    CHECK(rest.operations.empty());
    CHECK(rest.conflicts == std::vector{Conflict{"nexthop id 251658240 belongs to protocol 196"}});
    CHECK(kernel.state.nexthops.at(stolen) == foreign);
    CHECK_FALSE(kernel.state.routes.contains(
        {table::of(mail), Prefix::default_of(Family::ipv4), metric::normal}));
}

TEST_CASE("rules and addresses of others serve and stay") {
    ModelKernel kernel = fresh();
    const auto wanted = desired(story::config(), {}, kernel.state.links);
    const Rule foreign_rule = *wanted.rules.begin();
    const LinkAddress foreign_address = *wanted.addresses.rbegin();
    kernel.state.rules[foreign_rule] = 4;
    kernel.state.addresses[foreign_address] = {0, true};
    settle(kernel, wanted);
    settle(kernel, {});
    CHECK(kernel.state.rules == std::map<Rule, std::uint8_t>{{foreign_rule, 4}});
    CHECK(kernel.state.addresses.size() == 1);
    CHECK(kernel.state.routes.empty());
    CHECK(kernel.state.nexthops.empty());
    CHECK(std::ranges::none_of(kernel.state.links,
                               [](const auto& link) { return link.second.group == uplink_group; }));
}

TEST_CASE("a link of that name which is not our tunnel is a conflict") {
    auto config = story::config();
    config.dataplane.kind = model::DataplaneKind::kernel;
    for (auto& port : config.ports)
        port.device = port.name;
    ModelKernel kernel = fresh();
    const auto wanted = desired(config, {}, kernel.state.links);
    const auto difference = diff(wanted, kernel.state);
    REQUIRE(difference.conflicts.size() == 1);
    CHECK(difference.conflicts[0].what ==
          "link partner exists and is not the tunnel that the configuration describes");
}

TEST_CASE("our tunnel is made, made again when its ends change, and removed at the end") {
    auto config = story::config();
    config.dataplane.kind = model::DataplaneKind::kernel;
    for (auto& port : config.ports)
        port.device = port.name;
    ModelKernel kernel = fresh();
    kernel.state.links.erase(story::tunnel);
    const auto settle_fully = [&] {
        // The second pass is what the new link's event causes.
        for (int pass = 0; pass < 2; ++pass)
            settle(kernel, desired(config, story::all_on(partner), kernel.state.links));
    };
    settle_fully();
    REQUIRE(find(kernel.state.links, "partner") != nullptr);
    CHECK(find(kernel.state.links, "partner")->tunnel->key == 7);
    config.uplinks[1].underlay->key = 8;
    // Objects on the old link fall with it, so the first pass may find them gone.
    const auto wanted = desired(config, story::all_on(partner), kernel.state.links);
    const auto operations = diff(wanted, kernel.state).operations;
    REQUIRE(operations.size() >= 2);
    CHECK(kernel.execute(operations[0]) == "");
    CHECK(kernel.execute(operations[1]) == "");
    settle_fully();
    CHECK(find(kernel.state.links, "partner")->tunnel->key == 8);
    CHECK(kernel.state.nexthops.contains(nexthop::of(mail, Family::ipv4)));
    settle(kernel, {});
    CHECK(find(kernel.state.links, "partner") == nullptr);
}

TEST_CASE("any state leads to any other without a refusal, a hole or a second pass") {
    std::mt19937 random(196);
    ModelKernel kernel = fresh();
    const RouteKey out{table::of(mail), Prefix::default_of(Family::ipv4), metric::normal};
    for (int round = 0; round < 500; ++round) {
        for (auto& [index, link] : story::links()) {
            if (index == story::lo)
                continue;
            if (random() % 4 == 0)
                kernel.clear_carrier(index);
            else
                kernel.set_carrier(index);
        }
        const auto wanted =
            desired(random_config(random), random_placement(random), kernel.state.links);
        const bool has_way = kernel.state.routes.contains(out) && wanted.routes.contains(out);
        for (const Operation& operation : diff(wanted, kernel.state).operations) {
            CAPTURE(to_string(operation));
            REQUIRE(kernel.execute(operation) == "");
            REQUIRE((!has_way || kernel.state.routes.contains(out)));
        }
        REQUIRE(kernel.state.nexthops == wanted.nexthops);
        REQUIRE(kernel.state.routes == wanted.routes);
        REQUIRE(diff(wanted, kernel.state).operations.empty());
    }
    settle(kernel, {});
    CHECK(kernel.state.addresses.empty());
    CHECK(kernel.state.rules.empty());
    CHECK(kernel.state.nexthops.empty());
}

}  // namespace detour::kernel::plan
