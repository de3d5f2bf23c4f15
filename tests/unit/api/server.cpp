// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/api/server.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tools/detour/client.h"

using detour::api::Request;
using detour::api::Resource;
using detour::api::Response;
using detour::api::Server;
using detour::command::Client;
using detour::command::ClientError;

namespace {

// A directory of this test's own for sockets.
struct SocketDir {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("detour-api-" + std::to_string(::getpid()));
    SocketDir() { std::filesystem::create_directories(path); }
    ~SocketDir() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::filesystem::path socket() const { return path / "api.sock"; }
};

std::vector<Resource> resources() {
    return {
        {Resource::Method::get, "/v1/echo",
         [](const Request& request) {
             return Response{200, {{"said", request.parameter("say")}}};
         }},
        {Resource::Method::post, "/v1/move",
         [](const Request& request) {
             if (!request.body.contains("set"))
                 return detour::api::failure(422, "which set?", "name one of the configuration's");
             return Response{200, {{"moved", request.body.at("set")}}};
         }},
        {Resource::Method::get, "/v1/broken",
         [](const Request&) -> Response { throw std::runtime_error("a bug"); }},
    };
}

}  // namespace

TEST_CASE("a resource answers with its JSON and the schema's version") {
    const SocketDir directory;
    const auto server = Server::open(directory.socket(), resources());
    REQUIRE(server);
    const auto reply = Client(directory.socket()).get("/v1/echo", {{"say", "a & b"}});
    REQUIRE(reply);
    CHECK(reply->at("said") == "a & b");
    CHECK(reply->at("schema_version") == detour::api::schema_version);
    CHECK(Client(directory.socket()).post("/v1/move", {{"set", "mail"}})->at("moved") == "mail");
}

TEST_CASE("a refusal is told with its reason and what to do, and is not silence") {
    const SocketDir directory;
    const auto server = Server::open(directory.socket(), resources());
    REQUIRE(server);
    const Client client(directory.socket());
    const auto refused = client.post("/v1/move", nlohmann::json::object());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ClientError::Kind::refused);
    CHECK(refused.error().message == "which set?; name one of the configuration's");
    CHECK(client.get("/v1/nothing").error().message == "there is no GET /v1/nothing");
    CHECK(client.get("/v1/broken").error().message.find("an error of its own") !=
          std::string::npos);
}

TEST_CASE("nobody listening is told as such") {
    const SocketDir directory;
    const auto reply = Client(directory.socket()).get("/v1/status");
    REQUIRE_FALSE(reply);
    CHECK(reply.error().kind == ClientError::Kind::unreachable);
    CHECK(reply.error().message.find("is it running") != std::string::npos);
}

TEST_CASE("a second server on a socket is refused, a socket left by a crash is replaced") {
    const SocketDir directory;
    {
        const auto server = Server::open(directory.socket(), resources());
        REQUIRE(server);
        CHECK((std::filesystem::status(directory.socket()).permissions() &
               std::filesystem::perms::mask) == std::filesystem::perms(0660));
        const auto second = Server::open(directory.socket(), resources());
        REQUIRE_FALSE(second);
        CHECK(second.error().find("another detourd answers") != std::string::npos);
    }
    CHECK_FALSE(std::filesystem::exists(directory.socket()));
    std::ofstream(directory.socket()) << "left";
    CHECK(Server::open(directory.socket(), resources()));
    CHECK_FALSE(Server::open(directory.path / std::string(120, 'x'), resources()));
}
