// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/log_desk.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace detour;
using namespace detour::daemon;
using nlohmann::json;

namespace {

// Nothing runs the loop: what comes back by itself is tried on the running daemon.
struct Desk {
    explicit Desk(const char* levels)
        : log(*observe::parse_log_options(levels),
              [](observe::Level, std::string_view, std::string_view) {}),
          desk(loop, log, [this](const std::string& text) { said.push_back(text); }) {}

    json ask(const json& wish) {
        const api::Response response = desk.ask(wish);
        REQUIRE(response.status == 200);
        return response.body;
    }

    asio::io_context loop;
    observe::Log log;
    std::vector<std::string> said;
    LogDesk desk;
};

}  // namespace

TEST_CASE("a question changes nothing and tells every room's level") {
    Desk box("warning,bgp=debug");
    const json told = box.ask(json::object());
    CHECK(told["levels"] == "warning,bgp=debug");
    CHECK(told["rooms"]["bgp"] == "debug");
    CHECK(told["rooms"]["api"] == "warning");
    CHECK(told["rooms"].size() == observe::log_rooms.size());
    CHECK(told["back_to"].is_null());
    CHECK(box.said.empty());
}

TEST_CASE("a room's level changes it alone, one for all changes all") {
    Desk box("info,io=off");
    CHECK(box.ask({{"levels", "bgp=debug"}})["levels"] == "info,bgp=debug,io=off");
    const json all = box.ask({{"levels", "warning"}});
    CHECK(all["levels"] == "warning");
    CHECK(all["before"] == "info,bgp=debug,io=off");
    // What is printed as the undo is one.
    CHECK(box.ask({{"levels", all["before"]}})["levels"] == "info,bgp=debug,io=off");
    CHECK(box.ask({{"levels", "bgp=info"}})["levels"] == "info,io=off");
    CHECK(box.said.size() == 4);
}

TEST_CASE("for a time: what was before it is named, also after a second change") {
    Desk box("info");
    json told = box.ask({{"levels", "bgp=debug"}, {"for_s", 600}});
    CHECK(told["back_to"] == "info");
    CHECK(told["back_in_s"].get<double>() > 590);
    told = box.ask({{"levels", "debug"}, {"for_s", 60}});
    CHECK(told["back_to"] == "info");
    CHECK(told["back_in_s"].get<double>() <= 60);
    // For good: nothing comes back.
    CHECK(box.ask({{"levels", "warning"}})["back_to"].is_null());
}

TEST_CASE("what is no level is refused and changes nothing") {
    Desk box("info");
    const api::Response refused = box.desk.ask({{"levels", "probe=debug"}});
    CHECK(refused.status == 422);
    CHECK(refused.body["error"].get<std::string>().find("there is no room \"probe\"") !=
          std::string::npos);
    CHECK(box.ask(json::object())["levels"] == "info");
}
