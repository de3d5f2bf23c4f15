// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/guard.h"

#include <doctest/doctest.h>

#include <array>

namespace detour::engine {
namespace {

TEST_CASE("the guard replaces what was there and drops early on each interface") {
    const std::array<std::string, 2> interfaces{"eth1", "eth2"};
    CHECK(guard_ruleset("detour_1_guard", interfaces) ==
          "add table netdev detour_1_guard\n"
          "delete table netdev detour_1_guard\n"
          "table netdev detour_1_guard {\n"
          "\tchain port0 {\n"
          "\t\ttype filter hook ingress device \"eth1\" priority -500; policy drop;\n"
          "\t\tcounter drop\n"
          "\t}\n"
          "\tchain port1 {\n"
          "\t\ttype filter hook ingress device \"eth2\" priority -500; policy drop;\n"
          "\t\tcounter drop\n"
          "\t}\n"
          "}\n");
}

TEST_CASE("without interfaces only what a crash left is removed") {
    CHECK(guard_ruleset("detour_1_guard", {}) ==
          "add table netdev detour_1_guard\ndelete table netdev detour_1_guard\n");
}

}  // namespace
}  // namespace detour::engine
