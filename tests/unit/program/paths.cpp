// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/paths.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>

using detour::program::RunDir;

namespace {

// Every name of a box that another box on the same host could collide with.
std::set<std::string> names(const RunDir& run) {
    return {run.api_socket(),         run.lock_file("detour-dataplane"),
            run.lock_file("detourd"), run.notify_socket(),
            run.freeze_file(),        run.thaw_file(),
            run.eal_file_prefix(),    run.telemetry_socket()};
}

}  // namespace

TEST_CASE("two run directories share no name") {
    const auto one = names(RunDir("/run/detour"));
    const auto other = names(RunDir("/run/detour-b"));
    CHECK(one.size() == 8);
    for (const auto& name : one) {
        CAPTURE(name);
        CHECK_FALSE(other.contains(name));
    }
}

TEST_CASE("spellings of one run directory give the same names") {
    const auto wanted = names(RunDir("/run/detour"));
    for (const char* spelling :
         {"/run/detour/", "/run//detour", "/run/x/../detour", "/run/./detour"}) {
        CAPTURE(spelling);
        CHECK(names(RunDir(spelling)) == wanted);
    }
    CHECK(names(RunDir("box")) == names(RunDir(std::filesystem::current_path() / "box")));
}

TEST_CASE("the names of the default box are fixed: other tools know them") {
    const RunDir run("/run/detour");
    CHECK(run.api_socket() == "/run/detour/api.sock");
    CHECK(run.lock_file("detourd") == "/run/detour/detourd.lock");
    CHECK(run.eal_file_prefix() == "detour-6ff68179");
    CHECK(run.telemetry_socket() == "/run/detour/dpdk/detour-6ff68179/dpdk_telemetry.v2");
}

TEST_CASE("a run directory whose sockets would have no name is known") {
    CHECK(RunDir("/run/detour").has_room_for_sockets());
    CHECK(RunDir("/" + std::string(60, 'x')).has_room_for_sockets());
    CHECK_FALSE(RunDir("/" + std::string(70, 'x')).has_room_for_sockets());
}
