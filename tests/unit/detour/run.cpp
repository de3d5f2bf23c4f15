// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour run from outside: what it starts, what it passes on, how it ends.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/detour/box.h"

using detour::test::Box;
using detour::test::PlaneControl;
using nlohmann::json;

namespace {

// Both planes, the data plane first, whichever connected first.
std::vector<PlaneControl> both_planes(Box& box) {
    std::vector<PlaneControl> planes;
    planes.push_back(box.next_plane());
    planes.push_back(box.next_plane());
    if (planes[0].name() == "detourd")
        std::swap(planes[0], planes[1]);
    return planes;
}

}  // namespace

TEST_CASE("both planes get the same configuration and directories, and the keeper's socket") {
    Box box;
    box.start();
    for (PlaneControl& plane : both_planes(box)) {
        const auto arguments = plane.hello.at("arguments").get<std::vector<std::string>>();
        REQUIRE(arguments.size() == 6);
        CHECK(arguments[0] == "--config");
        CHECK(arguments[1] == SOURCE_DIR "/conf/examples/minimal.yaml");
        CHECK(arguments[2] == "--run-dir");
        CHECK(arguments[3] == box.run_dir());
        CHECK(arguments[4] == "--state-dir");
        CHECK(plane.hello.at("notify_socket") == (box.run_dir() / "notify.sock").native());
        CHECK(plane.hello.at("listen_pid").is_null());
    }
}

TEST_CASE("detour says that it is up when all planes are, also to who supervises it") {
    Box box;
    box.supervise();
    box.start();
    auto planes = both_planes(box);
    planes[0].tell("notify READY=1|STATUS=forwarding on 3 ports");
    box.wait_for_line("detour | detour-dataplane: forwarding on 3 ports");
    planes[1].tell("notify READY=1");
    box.wait_for_line("detour | up");
    CHECK(box.next_notification() == "READY=1");
    box.signal(SIGTERM);
    CHECK(box.next_notification() == "STOPPING=1");
    CHECK(box.wait_for_end() == 0);
}

TEST_CASE("SIGTERM stops the control plane first, then the data plane, and leaves nothing") {
    for (const int signal : {SIGTERM, SIGINT}) {
        Box box;
        box.start();
        auto planes = both_planes(box);
        planes[1].tell("stubborn");
        box.signal(signal);
        CHECK(planes[1].next() == json{{"signal", "TERM"}});
        // Not before the control plane has ended: all it has to say until then is what it is told.
        planes[0].tell("say still here");
        planes[1].tell_last("exit 0");
        CHECK(planes[1].wait_for_end().empty());
        CHECK(planes[0].wait_for_end() == std::vector<json>{{{"signal", "TERM"}}});
        CHECK(box.wait_for_end() == 0);
        CHECK_FALSE(std::filesystem::exists(box.run_dir() / "notify.sock"));
        CHECK(box.errors().find("killed") == std::string::npos);
    }
}

TEST_CASE("a plane that does not stop in time is killed") {
    Box box;
    box.start(
        {"run", "--stop-time", "100ms", "--config", SOURCE_DIR "/conf/examples/minimal.yaml"});
    auto planes = both_planes(box);
    planes[1].tell("stubborn");
    box.signal(SIGTERM);
    CHECK(planes[1].wait_for_end() == std::vector<json>{{{"signal", "TERM"}}});
    CHECK(box.wait_for_end() == 0);
    CHECK(box.errors().find("detourd has not stopped in 100ms: killing it") != std::string::npos);
    CHECK(box.errors().find("detourd was killed by SIGKILL") != std::string::npos);
}

TEST_CASE("a second signal kills at once") {
    Box box;
    box.start();
    auto planes = both_planes(box);
    for (PlaneControl& plane : planes)
        plane.tell("stubborn");
    box.signal(SIGTERM);
    CHECK(planes[1].next() == json{{"signal", "TERM"}});
    box.signal(SIGTERM);
    CHECK(box.wait_for_end() == 0);
}

TEST_CASE("the other signals are passed on to both planes") {
    Box box;
    box.start();
    auto planes = both_planes(box);
    for (const auto& [number, name] :
         {std::pair{SIGHUP, "HUP"}, std::pair{SIGUSR1, "USR1"}, std::pair{SIGUSR2, "USR2"}}) {
        box.signal(number);
        for (PlaneControl& plane : planes)
            CHECK(plane.next() == json{{"signal", name}});
    }
}

TEST_CASE("what a plane writes to stderr is passed through, line by line, with its name") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    PlaneControl plane = box.next_plane();
    plane.tell("say one\ntwo");
    box.wait_for_line("detour-dataplane | one\ndetour-dataplane | two");
}

TEST_CASE("an exit code that another try would not change stops everything and is ours") {
    for (const int code : {64, 78}) {
        Box box;
        box.start();
        auto planes = both_planes(box);
        planes[0].tell_last("exit " + std::to_string(code));
        CHECK(planes[1].wait_for_end() == std::vector<json>{{{"signal", "TERM"}}});
        CHECK(box.wait_for_end() == code);
    }
}

TEST_CASE("planes are told to stop when their supervisor is killed") {
    Box box;
    box.start();
    auto planes = both_planes(box);
    box.signal(SIGKILL);
    for (PlaneControl& plane : planes)
        CHECK(plane.wait_for_end() == std::vector<json>{{{"signal", "TERM"}}});
    CHECK(box.wait_for_end() == -SIGKILL);
}

TEST_CASE("a configuration with errors starts nothing") {
    Box box;
    box.start({"run", "--config", SOURCE_DIR "/tests/config/bad/no-target.yaml"});
    CHECK(box.wait_for_end() == 78);
    CHECK(box.errors().find("detect.targets: no target at all") != std::string::npos);
}

TEST_CASE("a plane that is not installed is said, not tried") {
    for (const auto& [planes, missing] : {std::pair{Box::Planes::none, "/detour-dataplane"},
                                          {Box::Planes::dataplane_only, "/detourd"}}) {
        Box box(planes);
        box.start({"run", "--config", SOURCE_DIR "/conf/examples/minimal.yaml"});
        CHECK(box.wait_for_end() == 78);
        CHECK(box.errors().find("there is no ") != std::string::npos);
        CHECK(box.errors().find(std::string(missing) + " to run") != std::string::npos);
    }
}

TEST_CASE("one plane can run alone, and only one that there is") {
    Box box;
    box.start({"run", "--only", "detourd", "--config", SOURCE_DIR "/conf/examples/minimal.yaml"});
    CHECK(box.next_plane().name() == "detourd");
    box.signal(SIGTERM);
    CHECK(box.wait_for_end() == 0);

    Box kernel;
    kernel.start({"run", "--only", "detour-dataplane", "--config",
                  SOURCE_DIR "/conf/examples/kernel-container.yaml"});
    CHECK(kernel.wait_for_end() == 78);

    Box misspelt;
    misspelt.start({"run", "--only", "dataplane"});
    CHECK(misspelt.wait_for_end() == 64);
}

TEST_CASE("in kind kernel the control plane runs alone") {
    Box box;
    box.start({"run", "--config", SOURCE_DIR "/conf/examples/kernel-container.yaml"});
    CHECK(box.next_plane().name() == "detourd");
    box.signal(SIGTERM);
    CHECK(box.wait_for_end() == 0);
}

TEST_CASE("a second detour in the same run directory is refused, in another it is welcome") {
    Box box(Box::Planes::dataplane_only);
    box.start();
    PlaneControl plane = box.next_plane();
    Box other(Box::Planes::dataplane_only);
    other.share_run_dir(box);
    other.start();
    CHECK(other.wait_for_end() == 1);
    CHECK(other.errors().find("another detour runs in " + box.run_dir().native()) !=
          std::string::npos);
    plane.tell("say undisturbed");
    Box third(Box::Planes::dataplane_only);
    third.start();
    CHECK(third.next_plane().name() == "detour-dataplane");
}
