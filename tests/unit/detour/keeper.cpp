// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour run as the keeper of what planes entrust to it (systemd's FDSTORE), and its restarts.
#include <doctest/doctest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "tests/unit/detour/box.h"

using detour::test::Box;
using detour::test::PlaneControl;
using nlohmann::json;

TEST_CASE("a killed plane starts again with its stored files, by name and in order") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    PlaneControl first = box.next_plane();
    const auto wan = first.store("twin-wan0");
    const auto lan = first.store("twin-lan0");
    REQUIRE(::kill(first.pid(), SIGKILL) == 0);
    box.wait_for_line(
        "detour-dataplane was killed by SIGKILL: starting it again in 100ms, 2 of its files are "
        "kept");

    PlaneControl second = box.next_plane();
    CHECK(second.hello.at("passed") == json{wan, lan});
    CHECK(second.hello.at("listen_names") == "twin-wan0:twin-lan0");
    CHECK(second.hello.at("listen_pid") == std::to_string(second.pid()));

    SUBCASE("and again, what it got and what it added") {
        const auto tunnel = second.store("twin-partner");
        REQUIRE(::kill(second.pid(), SIGKILL) == 0);
        CHECK(box.next_plane().hello.at("passed") == json{wan, lan, tunnel});
    }
    SUBCASE("without what it had removed") {
        second.tell("notify FDSTOREREMOVE=1|FDNAME=twin-wan0");
        REQUIRE(::kill(second.pid(), SIGKILL) == 0);
        PlaneControl third = box.next_plane();
        CHECK(third.hello.at("passed") == json{lan});
        CHECK(third.hello.at("listen_names") == "twin-lan0");
    }
}

TEST_CASE("a file stored in the last moment before a crash is kept") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    PlaneControl first = box.next_plane();
    std::vector<unsigned long> stored;
    for (int i = 0; i < 20; ++i)
        stored.push_back(first.store("twin"));
    first.tell_last("exit 1");
    CHECK(box.next_plane().hello.at("passed") == json(stored));
}

TEST_CASE("each plane has a store of its own, and one restarts without the other noticing") {
    Box box;
    box.start();
    PlaneControl one = box.next_plane();
    PlaneControl other = box.next_plane();
    const auto kept = one.store("kept");
    [[maybe_unused]] const auto foreign = other.store("foreign");
    const std::string name = one.name();
    one.tell_last("exit 1");
    PlaneControl again = box.next_plane();
    CHECK(again.name() == name);
    CHECK(again.hello.at("passed") == json{kept});
    other.tell("say still the same");
}

TEST_CASE("a plane that ends well without being asked is started again as well") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    box.next_plane().tell_last("exit 0");
    box.wait_for_line("ended with exit code 0: starting it again in 100ms");
    box.next_plane().tell_last("exit 0");
    box.wait_for_line("starting it again in 200ms");
    CHECK(box.next_plane().name() == "detour-dataplane");
}

TEST_CASE("a stop while a plane waits for its next start does not wait for it") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    for (int i = 0; i < 5; ++i)
        box.next_plane().tell_last("exit 1");
    box.wait_for_line("in 1600ms");
    box.signal(SIGTERM);
    CHECK(box.wait_for_end() == 0);
}
