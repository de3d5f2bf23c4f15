// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the resources of BGP make of a request before the event loop is asked at all.
#include "controlplane/api/bgp.h"

#include <doctest/doctest.h>

#include <optional>

using detour::Address;
using detour::Prefix;
using detour::api::PeerName;
using detour::api::Request;
using detour::api::Response;
using detour::observe::RouteQuery;
namespace api = detour::api;
namespace model = detour::model;

namespace {

// Two uplinks; provider has two peers. What reaches the loop is kept.
struct Stage {
    Stage() {
        const auto config = std::make_shared<model::Config>();
        for (const auto& [name, peers] :
             {std::pair("provider", std::vector{"192.0.2.1", "2001:db8:1::1"}),
              std::pair("partner", std::vector{"192.0.2.65"})}) {
            model::Uplink& uplink = config->uplinks.emplace_back();
            uplink.name = name;
            uplink.bgp.emplace();
            for (const char* peer : peers)
                uplink.bgp->peers.push_back(*Address::parse(peer));
        }
        const auto sources = std::make_shared<api::Sources>();
        sources->config = [config] { return config; };
        sources->routes = [this](const std::vector<PeerName>& peers, const RouteQuery& query) {
            asked_peers = peers;
            asked = query;
            return Response{};
        };
        sources->clear = [this](const std::vector<PeerName>& peers, const nlohmann::json& wish) {
            asked_peers = peers;
            wished = wish;
            return Response{};
        };
        resources = api::bgp_resources(sources);
    }
    Response get(std::map<std::string, std::string> query) {
        return resources.at(0).answer({std::move(query), {}});
    }
    Response post(nlohmann::json body) { return resources.at(1).answer({{}, std::move(body)}); }
    [[nodiscard]] std::string names() const {
        std::string text;
        for (const PeerName& peer : asked_peers)
            text += (text.empty() ? "" : " ") + peer.uplink + "/" + peer.peer.to_string();
        return text;
    }

    std::vector<api::Resource> resources;
    std::vector<PeerName> asked_peers;
    std::optional<RouteQuery> asked;
    nlohmann::json wished;
};

}  // namespace

TEST_CASE("routes are asked of the peers that a word means") {
    Stage stage;
    CHECK(stage.get({}).status == 200);
    CHECK(stage.names() == "provider/192.0.2.1 provider/2001:db8:1::1 partner/192.0.2.65");
    CHECK(stage.asked->direction == RouteQuery::Direction::in);
    CHECK_FALSE(stage.asked->selection.prefix.has_value());
    (void)stage.get({{"peer", "provider"}, {"direction", "out"}});
    CHECK(stage.names() == "provider/192.0.2.1 provider/2001:db8:1::1");
    CHECK(stage.asked->direction == RouteQuery::Direction::out);
    (void)stage.get({{"peer", "192.0.2.65"}});
    CHECK(stage.names() == "partner/192.0.2.65");
    const Response nobody = stage.get({{"peer", "192.0.2.66"}});
    CHECK(nobody.status == 404);
    CHECK(nobody.body.dump().find("192.0.2.65 (partner)") != std::string::npos);
}

TEST_CASE("a prefix is itself, with longer what lies inside, and an address what covers it") {
    Stage stage;
    (void)stage.get({{"prefix", "198.51.100.0/24"}});
    CHECK(stage.asked->selection.match == RouteQuery::Match::exact);
    CHECK(stage.asked->selection.prefix == *Prefix::parse("198.51.100.0/24"));
    (void)stage.get({{"prefix", "198.51.100.0/24"}, {"longer", "1"}});
    CHECK(stage.asked->selection.match == RouteQuery::Match::longer);
    (void)stage.get({{"prefix", "198.51.100.7"}});
    CHECK(stage.asked->selection.match == RouteQuery::Match::covering);
    for (const char* wrong : {"198.51.100.7/24", "mail", "198.51.100.0/33"}) {
        CAPTURE(wrong);
        CHECK(stage.get({{"prefix", wrong}}).status == 422);
    }
    CHECK(stage.get({{"direction", "sideways"}}).status == 422);
    CHECK(stage.get({{"direction", "best"}, {"peer", "partner"}}).status == 422);
    CHECK(stage.get({{"direction", "best"}}).status == 200);
    CHECK(stage.asked->direction == RouteQuery::Direction::best);
    for (const char* wrong : {"0", "-1", "ten", "100001", "5x"}) {
        CAPTURE(wrong);
        CHECK(stage.get({{"count", wrong}}).status == 422);
    }
    (void)stage.get({{"count", "5"}});
    CHECK(stage.asked->selection.limit == 5);
}

TEST_CASE("a session is cleared by name, in one of two ways, for a reason") {
    Stage stage;
    const nlohmann::json good{
        {"peer", "partner"}, {"kind", "soft"}, {"actor", "ada"}, {"reason", "looks odd"}};
    CHECK(stage.post(good).status == 200);
    CHECK(stage.names() == "partner/192.0.2.65");
    CHECK(stage.wished == good);
    stage.wished = nullptr;
    for (const char* missing : {"peer", "kind", "reason"}) {
        CAPTURE(missing);
        nlohmann::json body = good;
        body.erase(missing);
        CHECK(stage.post(body).status == 422);
    }
    nlohmann::json other = good;
    other["kind"] = "gently";
    CHECK(stage.post(other).status == 422);
    other = good;
    other["peer"] = "partne";
    CHECK(stage.post(other).status == 404);
    CHECK(stage.post(nullptr).status == 422);
    CHECK(stage.wished.is_null());
}
