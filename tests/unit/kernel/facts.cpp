// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/facts.h"

#include <doctest/doctest.h>

#include "controlplane/kernel/plan/apply.h"
#include "tests/unit/kernel/story.h"

namespace detour::kernel {
namespace {

using plan::story::mail;
using plan::story::partner;
using plan::story::provider;
using plan::story::web;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Facts about a kernel that takes everything it is given.
struct Scene {
    model::Config config = plan::story::config();
    plan::Placement placement = plan::story::all_on(provider);
    plan::Actual actual;
    plan::Desired desired;
    Facts facts;

    Scene() {
        actual.links = plan::story::links();
        facts.want(Instant{}, config, placement);
    }
    void settle() {
        desired = plan::desired(config, placement, actual.links);
        for (const auto& operation : plan::diff(desired, actual).operations)
            plan::apply(actual, operation);
        for (auto& [address, state] : actual.addresses)
            state.is_ready = true;
    }
    Outputs observe(Instant now, Facts::Progress progress = Facts::Progress::settled) {
        desired = plan::desired(config, placement, actual.links);
        return facts.observe(now, desired, actual, progress);
    }
    // Everything of the kind that is told at this moment.
    template <class Kind>
    std::vector<Kind> told(Instant now, Facts::Progress progress = Facts::Progress::settled) {
        std::vector<Kind> result;
        for (const Output& output : observe(now, progress))
            if (const auto* one = std::get_if<Kind>(&output))
                result.push_back(*one);
        return result;
    }
};

constexpr Instant start{};

}  // namespace

TEST_CASE("each interface is told once, and again only when it changes") {
    Scene scene;
    scene.settle();
    CHECK(scene.told<DeviceChanged>(start).size() == 5);
    CHECK(scene.observe(start + seconds(1)).empty());
    scene.actual.links.at(plan::story::wan0).has_carrier = false;
    const auto lost = scene.told<DeviceChanged>(start + seconds(2));
    REQUIRE(lost.size() == 1);
    CHECK(lost[0].device == "wan0");
    CHECK(lost[0].condition == Condition::no_carrier);
    CHECK(lost[0].at == start + seconds(2));
    plan::forget(scene.actual, plan::story::wan0);
    const auto gone = scene.told<DeviceChanged>(start + seconds(3));
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].condition == Condition::absent);
}

TEST_CASE("an interface is ready when all our addresses on it can be bound") {
    Scene scene;
    scene.settle();
    scene.observe(start);
    const plan::LinkAddress address{plan::story::wan0,
                                    *InterfaceAddress::parse("2001:db8:1::2/64")};
    scene.actual.addresses.at(address).is_ready = false;
    CHECK_FALSE(scene.told<DeviceChanged>(start).at(0).is_ready);
    scene.actual.addresses.at(address).is_ready = true;
    CHECK(scene.told<DeviceChanged>(start).at(0).is_ready);
    scene.actual.addresses.erase(address);
    CHECK_FALSE(scene.told<DeviceChanged>(start).at(0).is_ready);
}

TEST_CASE("a place stands when group and default route are there, with the time it took") {
    Scene scene;
    CHECK(scene.told<PlaceStands>(start, Facts::Progress::outstanding).empty());
    scene.settle();
    const auto first = scene.told<PlaceStands>(start + milliseconds(3));
    REQUIRE(first.size() == 3);
    CHECK(first[0].latency == milliseconds(3));

    scene.placement.places[{mail, Family::ipv4}] = {{partner}};
    scene.facts.want(start + seconds(1), scene.config, scene.placement);
    CHECK(scene.told<PlaceStands>(start + seconds(1), Facts::Progress::outstanding).empty());
    scene.settle();
    const auto moved = scene.told<PlaceStands>(start + seconds(1) + milliseconds(2));
    // Only what moved is told.
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].placed == plan::Placed{mail, Family::ipv4});
    CHECK(moved[0].place == plan::Place{{partner}});
    CHECK(moved[0].latency == milliseconds(2));
}

TEST_CASE("without its default route, or with a member too many, a place does not stand") {
    Scene scene;
    scene.settle();
    scene.observe(start);
    SUBCASE("route") {
        scene.actual.routes.erase(
            {plan::table::of(mail), Prefix::default_of(Family::ipv4), plan::metric::normal});
    }
    SUBCASE("member") {
        scene.actual.nexthops.at(plan::nexthop::of(mail, Family::ipv4)).way = plan::Group{
            {plan::nexthop::of(provider, Family::ipv4), plan::nexthop::of(partner, Family::ipv4)}};
    }
    SUBCASE("somebody else's group") {
        scene.actual.nexthops.at(plan::nexthop::of(mail, Family::ipv4)).protocol = 196;
    }
    CHECK(scene.told<PlaceWaits>(start + seconds(1)).size() == 1);
    scene.settle();
}

TEST_CASE("a place that waits says for which link, once, and its clock starts when it was lost") {
    Scene scene;
    scene.settle();
    scene.observe(start);
    scene.actual.links.at(plan::story::wan0).has_carrier = false;
    plan::flush(scene.actual, plan::story::wan0);
    const auto waits = scene.told<PlaceWaits>(start + seconds(5));
    REQUIRE(waits.size() == 3);
    CHECK(waits[0].why == "wan0 has no carrier");
    CHECK(scene.told<PlaceWaits>(start + seconds(6)).empty());
    scene.actual.links.at(plan::story::wan0).has_carrier = true;
    scene.settle();
    const auto stands = scene.told<PlaceStands>(start + seconds(7));
    REQUIRE(stands.size() == 3);
    CHECK(stands[0].latency == seconds(2));
}

TEST_CASE("an isolated place stands on its blackhole") {
    Scene scene;
    scene.placement.places[{web, Family::ipv6}] = {};
    scene.facts.want(start, scene.config, scene.placement);
    scene.settle();
    CHECK(scene.told<PlaceStands>(start).size() == 3);
}

TEST_CASE("a gateway is what its neighbour entry says, and unknown while its link is out") {
    Scene scene;
    scene.settle();
    scene.observe(start);
    const Neighbour gateway{plan::story::wan0, plan::story::ip("192.0.2.1"),
                            Neighbour::State::resolved};
    scene.facts.note({plan::story::lan0, plan::story::ip("10.1.0.2"), Neighbour::State::resolved},
                     Presence::present);
    CHECK(scene.observe(start).empty());
    scene.facts.note(gateway, Presence::present);
    const auto resolved = scene.told<GatewayChanged>(start + seconds(1));
    REQUIRE(resolved.size() == 1);
    CHECK(resolved[0].uplink == provider);
    CHECK(resolved[0].family == Family::ipv4);
    CHECK(resolved[0].state == Neighbour::State::resolved);
    scene.actual.links.at(plan::story::wan0).is_up = false;
    CHECK(scene.told<GatewayChanged>(start + seconds(2)).at(0).state == Neighbour::State::unknown);
    scene.actual.links.at(plan::story::wan0).is_up = true;
    scene.facts.note(gateway, Presence::absent);
    CHECK(scene.told<GatewayChanged>(start + seconds(3)).empty());
}

}  // namespace detour::kernel
