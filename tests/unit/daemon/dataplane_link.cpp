// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/dataplane_link.h"

#include <doctest/doctest.h>

using namespace detour::daemon;
using How = DataplaneLink::Taken::How;

TEST_CASE("a data plane that takes a revision, refuses it, or does not know the question") {
    CHECK(parse_taken(R"({"/detour/reload": {"result": "taken", "revision": "ab"}})").how ==
          How::taken);
    const auto refused = parse_taken(
        R"({"/detour/reload": {"result": "refused", "error": "needs a new start: dataplane.poll"}})");
    CHECK(refused.how == How::refused);
    CHECK(refused.why == "needs a new start: dataplane.poll");
    // DPDK answers an unknown command with null.
    CHECK(parse_taken(R"({"/detour/reload": null})").how == How::refused);
    CHECK(parse_taken("nonsense").how == How::refused);
}

TEST_CASE("what the data plane runs is read from its version") {
    const auto running = parse_running(
        R"({"/detour/version": {"version": "0.1.0", "commit": "c", "revision": "00ff"}})");
    REQUIRE(running);
    CHECK(running->digest == "00ff");
    CHECK(running->version == "0.1.0");
    CHECK(!parse_running(R"({"/detour/version": null})"));
}
