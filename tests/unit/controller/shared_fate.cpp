// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Does the partner's way to the world lead through the provider that drops the block?
#include "controlplane/controller/shared_fate.h"

#include <doctest/doctest.h>

#include "tests/unit/controller/scripted_peers.h"

using namespace bench;
using controller::shares_fate;

namespace {

const AsNumber as_provider{64496};
const AsNumber as_partner{64497};

struct Stage {
    explicit Stage(const std::string& upstreams = "") : config(story()), peers(config) {
        if (!upstreams.empty())
            config.uplinks[1].upstreams = {as_provider};
        peers.establish(partner_peer, as_partner, {Family::ipv4, Family::ipv6});
    }
    [[nodiscard]] bool is_shared() const {
        return shares_fate(config, peers.speaker, {partner_peer}, config.uplinks[1], as_provider);
    }

    model::Config config;
    ScriptedPeers peers;
};

}  // namespace

TEST_CASE("without a route that leads through the provider nothing is shared") {
    Stage stage;
    CHECK_FALSE(stage.is_shared());
    stage.peers.learn(partner_peer, "0.0.0.0/0", {as_partner, AsNumber(64501)});
    CHECK_FALSE(stage.is_shared());
}

TEST_CASE("a default by the provider is shared fate") {
    Stage stage;
    stage.peers.learn(partner_peer, "0.0.0.0/0", {as_partner, as_provider});
    CHECK(stage.is_shared());
}

TEST_CASE("a route to the provider's own networks leads through it, and means nothing") {
    Stage stage;
    stage.peers.learn(partner_peer, "0.0.0.0/0", {as_partner, AsNumber(64501)});
    stage.peers.learn(partner_peer, "192.0.2.160/29", {as_partner, as_provider});
    CHECK_FALSE(stage.is_shared());
}

TEST_CASE("the longest match to a target counts, not the default beside it") {
    Stage stage;
    stage.peers.learn(partner_peer, "0.0.0.0/0", {as_partner, AsNumber(64501)});
    stage.peers.learn(partner_peer, "192.0.2.128/29", {as_partner, as_provider, AsNumber(64501)});
    CHECK(stage.is_shared());
    stage.peers.learn(partner_peer, "192.0.2.128/29", {as_partner, AsNumber(64501)});
    CHECK_FALSE(stage.is_shared());
}

TEST_CASE("what the configuration says of the uplink's upstreams stands without any route") {
    CHECK(Stage("provider").is_shared());
}
