// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/slots.h"

#include <doctest/doctest.h>

using detour::engine::Slots;

namespace {

struct Item {
    std::string name;
};
using Items = std::vector<Item>;

}  // namespace

TEST_CASE("a name keeps its place whatever comes before it") {
    Slots slots(4);
    REQUIRE(slots.assign(Items{{"mail"}, {"web"}}));
    CHECK(slots.of("mail") == 0);
    CHECK(slots.of("web") == 1);
    REQUIRE(slots.assign(Items{{"news"}, {"web"}, {"mail"}}));
    CHECK(slots.of("mail") == 0);
    CHECK(slots.of("web") == 1);
    CHECK(slots.of("news") == 2);
    CHECK(slots.name(2) == "news");
    CHECK(!slots.of("none"));
}

TEST_CASE(
    "the place of what is gone is given to the next, and more than there is room changes nothing") {
    Slots slots(2);
    REQUIRE(slots.assign(Items{{"mail"}, {"web"}}));
    REQUIRE(slots.assign(Items{{"web"}, {"news"}}));
    CHECK(slots.of("news") == 0);
    CHECK(slots.of("web") == 1);
    CHECK(!slots.assign(Items{{"a"}, {"b"}, {"c"}}));
    CHECK(slots.of("web") == 1);
}
