// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From wishes to changes of announcements, and from TCP's acknowledgements to the decision's.
#include "controlplane/controller/announcer.h"

#include <doctest/doctest.h>

#include "tests/unit/controller/scripted_peers.h"

using namespace bench;
using controller::Announcer;
using decision::Acknowledgement;
using decision::ActionId;
using decision::Announcement;
using decision::Block;
using decision::SetAnnouncement;

namespace {

const PrefixSetId mail{0};
const PrefixSetId web{1};
const Block mail4{mail, Family::ipv4};
const Block web4{web, Family::ipv4};
const Block web6{web, Family::ipv6};

struct Stage {
    Stage() : config(story()), peers(config), announcer(config) {}

    void wish(std::uint64_t ticket, UplinkId uplink, Block block,
              std::optional<Announcement> announcement) {
        for (const auto& change :
             announcer.wish(ActionId(ticket), SetAnnouncement{uplink, block, announcement}))
            peers.give(change);
    }
    // "3 sent, 3 done" of what has become true.
    std::string settled() {
        std::string text;
        for (const auto& each : announcer.settled(peers.speaker))
            text += (text.empty() ? "" : ", ") + std::to_string(each.action.value) +
                    (each.fact == Acknowledgement::Fact::sent ? " sent" : " done");
        return text;
    }

    model::Config config;
    ScriptedPeers peers;
    Announcer announcer;
};

}  // namespace

TEST_CASE("a wish is a change for each peer of its uplink, and names its own prefixes alone") {
    Stage stage;
    const auto first = stage.announcer.wish(ActionId(1), {provider, mail4, Announcement{}});
    REQUIRE(first.size() == 2);
    CHECK(first[0].peer == provider4);
    CHECK(first[1].peer == provider6);
    REQUIRE(first[0].changes.size() == 1);
    CHECK(first[0].changes[0].prefixes == std::vector{*Prefix::parse("198.51.100.0/24")});
    CHECK(first[0].changes[0].announcement == bgp::Announcement{});
    const auto second =
        stage.announcer.wish(ActionId(2), {provider, web4,
                                           Announcement{.prepends = 3,
                                                        .is_graceful_shutdown = true,
                                                        .is_no_export = true,
                                                        .communities = {6'422'528}}});
    const auto& change = second.at(0).changes.at(0);
    CHECK(change.prefixes == std::vector{*Prefix::parse("203.0.113.0/24")});
    CHECK(change.announcement->prepend == 3);
    CHECK(change.announcement->communities ==
          std::vector{bgp::Community(6'422'528), bgp::graceful_shutdown, bgp::no_export});
    // The partner's is another peer.
    const auto third = stage.announcer.wish(ActionId(3), {partner, web4, Announcement{}});
    REQUIRE(third.size() == 1);
    CHECK(third[0].peer == partner_peer);
    const auto withdrawn = stage.announcer.wish(ActionId(4), {provider, mail4, std::nullopt});
    CHECK_FALSE(withdrawn.at(0).changes.at(0).announcement.has_value());
    // What stands, as whole sets.
    const auto everything = stage.announcer.everything();
    REQUIRE(everything.size() == 3);
    CHECK(everything[0].set.size() == 1);
    CHECK(everything[0].set.contains(*Prefix::parse("203.0.113.0/24")));
    CHECK(everything[2].set.size() == 1);
}

TEST_CASE("an announcement that the speaker refuses is never acknowledged") {
    Stage stage;
    stage.peers.establish(partner_peer, AsNumber(64497), {Family::ipv4, Family::ipv6});
    Announcement huge;
    huge.communities.resize(3000);
    stage.wish(1, partner, web4, huge);
    stage.peers.acknowledge(partner_peer);
    CHECK(stage.settled().empty());
}

TEST_CASE("an announcement is sent when TCP was given it, and done when TCP has acknowledged it") {
    Stage stage;
    stage.peers.establish(partner_peer, AsNumber(64497), {Family::ipv4, Family::ipv6});
    stage.wish(1, partner, web4, Announcement{});
    CHECK(stage.settled() == "1 sent");
    stage.peers.write(partner_peer);
    CHECK(stage.settled().empty());
    stage.peers.acknowledge(partner_peer);
    CHECK(stage.settled() == "1 done");
    CHECK(stage.settled().empty());
}

TEST_CASE("an announcement waits for a peer that carries its family; a withdrawal does not") {
    Stage stage;
    stage.wish(1, partner, web6, Announcement{});
    CHECK(stage.settled().empty());
    stage.peers.establish(partner_peer, AsNumber(64497), {Family::ipv4});
    stage.peers.acknowledge(partner_peer);
    CHECK(stage.settled().empty());
    stage.wish(2, partner, web6, std::nullopt);
    CHECK(stage.settled() == "2 sent, 2 done");
}

TEST_CASE("with two peers of a family it is done when both have it") {
    Stage stage;
    // Both sessions of the provider carry both families here.
    stage.peers.establish(provider4, AsNumber(64496), {Family::ipv4, Family::ipv6});
    stage.peers.establish(provider6, AsNumber(64496), {Family::ipv4, Family::ipv6});
    stage.wish(1, provider, mail4, Announcement{});
    CHECK(stage.settled() == "1 sent");
    stage.peers.acknowledge(provider4);
    CHECK(stage.settled().empty());
    stage.peers.acknowledge(provider6);
    CHECK(stage.settled() == "1 done");
}

TEST_CASE("a withdrawal is done when every peer that heard the announcement has acknowledged it") {
    Stage stage;
    stage.peers.establish(provider4, AsNumber(64496), {Family::ipv4, Family::ipv6});
    stage.peers.establish(provider6, AsNumber(64496), {Family::ipv4, Family::ipv6});
    stage.wish(1, provider, mail4, Announcement{});
    stage.peers.acknowledge(provider4);
    stage.peers.acknowledge(provider6);
    CHECK(stage.settled() == "1 sent, 1 done");
    stage.wish(2, provider, mail4, std::nullopt);
    CHECK(stage.settled() == "2 sent");
    stage.peers.acknowledge(provider4);
    CHECK(stage.settled().empty());
    stage.peers.acknowledge(provider6);
    CHECK(stage.settled() == "2 done");
}

TEST_CASE("a peer whose session ends has forgotten: its withdrawal needs no acknowledgement") {
    Stage stage;
    stage.peers.establish(provider4, AsNumber(64496), {Family::ipv4});
    stage.wish(1, provider, mail4, Announcement{});
    stage.peers.acknowledge(provider4);
    CHECK(stage.settled() == "1 sent, 1 done");
    stage.wish(2, provider, mail4, std::nullopt);
    CHECK(stage.settled() == "2 sent");
    stage.peers.cut(provider4);
    CHECK(stage.settled() == "2 done");
}

TEST_CASE("a newer wish for the same block replaces the one before, which is never answered") {
    Stage stage;
    stage.peers.establish(partner_peer, AsNumber(64497), {Family::ipv4, Family::ipv6});
    stage.wish(1, partner, web4, Announcement{});
    stage.wish(2, partner, web4, Announcement{.prepends = 3});
    stage.wish(3, partner, web6, Announcement{});
    stage.peers.acknowledge(partner_peer);
    CHECK(stage.settled() == "2 sent, 2 done, 3 sent, 3 done");
}

TEST_CASE("what the configuration says of an uplink goes with every announcement there") {
    Stage stage;
    stage.config.uplinks.at(provider.value).bgp->exported = {
        .prepend = 2,
        .med = 50,
        .communities = {model::StandardCommunity{65535, 65281},
                        model::LargeCommunity{64496, 1, 2}}};
    const auto told = [](const std::vector<bgp::ChangeAnnouncements>& changes) {
        return *changes.at(0).changes.at(0).announcement;
    };
    const bgp::Announcement moved = told(stage.announcer.wish(
        ActionId(1), {provider, mail4, Announcement{.prepends = 1, .is_no_export = true}}));
    CHECK(moved.prepend == 3);
    CHECK(moved.med == 50);
    CHECK(moved.communities == std::vector{bgp::no_export});
    CHECK(moved.large_communities == std::vector{bgp::LargeCommunity{64496, 1, 2}});
    CHECK(told(stage.announcer.wish(ActionId(2), {partner, mail4, Announcement{}})) ==
          bgp::Announcement{});
    // Another configuration is another announcement of what stands, whole.
    stage.config.uplinks.at(provider.value).bgp->exported = {.med = 60};
    const auto everything = stage.announcer.everything();
    CHECK(everything.at(0).set.begin()->second.med == 60);
    CHECK(everything.at(0).set.begin()->second.prepend == 1);
}
