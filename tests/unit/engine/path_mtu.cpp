// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/path_mtu.h"

#include <doctest/doctest.h>

using namespace detour;
using namespace detour::engine;
using std::chrono::minutes;

TEST_CASE("a path's MTU falls with what routers say, and is tried again after ten minutes") {
    Instant now{};
    PathMtu path({.configured = 1472, .overhead = 28, .floor = 1280});
    CHECK(path.mtu() == 1472);
    CHECK_FALSE(path.deadline());
    path.hear(now, 1400);
    CHECK(path.mtu() == 1372);
    path.hear(now + minutes(5), 1450);  // of an earlier packet: raises nothing
    CHECK(path.mtu() == 1372);
    CHECK(path.deadline() == now + minutes(10));
    path.hear(now + minutes(5), 1400);  // said again: believed for longer
    CHECK(path.deadline() == now + minutes(15));
    path.on_time(now + minutes(14));
    CHECK(path.mtu() == 1372);
    path.on_time(now + minutes(15));
    CHECK(path.mtu() == 1472);
    CHECK_FALSE(path.deadline());
}

TEST_CASE("nobody talks a tunnel below its floor, or above what is configured") {
    PathMtu path({.configured = 1472, .overhead = 28, .floor = 1280});
    path.hear(Instant{}, 9000);
    CHECK(path.mtu() == 1472);
    CHECK_FALSE(path.deadline());
    path.hear(Instant{}, 68);
    CHECK(path.mtu() == 1280);
    path.hear(Instant{}, 0);
    CHECK(path.mtu() == 1280);
    PathMtu narrow({.configured = 1000, .overhead = 28, .floor = 1280});
    narrow.hear(Instant{}, 68);
    CHECK(narrow.mtu() == 1000);
}
