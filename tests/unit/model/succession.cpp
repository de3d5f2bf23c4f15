// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/succession.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "conf/model/diff.h"
#include "tests/unit/model/example.h"

using namespace detour;
using namespace detour::model;

namespace {

template <class Item>
std::string names(const std::vector<Item>& items) {
    std::string result;
    for (const Item& item : items)
        result += (result.empty() ? "" : " ") + item.name;
    return result;
}

const Replacements new_set_first{
    {"  mail:\n    prefixes",
     "  news:\n    prefixes: [192.0.0.0/24]\n    beacons: [192.0.0.2, 192.0.0.254]\n"
     "    next-hops: [10.1.0.2]\n  mail:\n    prefixes"}};

}  // namespace

TEST_CASE("a set that comes first in the file renumbers no other") {
    const Config before = example("two-provider");
    const Config file = example("two-provider", new_set_first);
    CHECK(names(file.prefix_sets) == "news mail web");
    const Config after = keep_places(file, before);
    CHECK(names(after.prefix_sets) == "mail web news");
    CHECK(after.find_prefix_set("news")->id == PrefixSetId(2));
    CHECK(renumbering(before, after).is_identity());
    // It says the same as the file.
    CHECK(diff(file, after).is_empty());
}

TEST_CASE("ports keep their places, and uplinks follow their ports") {
    const Config before = example("two-provider");
    const std::string wan =
        "  wan0:  {device: \"0000:3b:00.0\", addresses: [192.0.2.2/30, \"2001:db8:1::2/64\"]}\n";
    const Config file = example("two-provider", {{wan, ""}, {"uplinks:", wan + "uplinks:"}});
    CHECK(names(file.ports) == "xcon0 lan0 wan0");
    const Config after = keep_places(file, before);
    CHECK(names(after.ports) == "wan0 xcon0 lan0");
    CHECK(after.port(after.find_uplink("provider")->port).name == "wan0");
    CHECK(after.port(after.find_uplink("partner")->underlay->port).name == "xcon0");
    CHECK(diff(before, after).is_empty());
}

TEST_CASE("what is gone has no new id, and what moves up has another") {
    const Config before = keep_places(example("two-provider", new_set_first), Config{});
    const Config after = keep_places(example("two-provider"), before);
    const Renumbering ids = renumbering(before, after);
    CHECK(names(before.prefix_sets) == "news mail web");
    CHECK(!ids(PrefixSetId(0)));
    // mail keeps its place; web takes the one that is free, since there is no third any more.
    CHECK(names(after.prefix_sets) == "web mail");
    CHECK(ids(PrefixSetId(1)) == PrefixSetId(1));
    CHECK(ids(PrefixSetId(2)) == PrefixSetId(0));
    CHECK(!ids.is_identity());
    CHECK(!ids(UplinkId(9)));
}

TEST_CASE("another order of uplinks is another preference, and is kept") {
    const Config before = example("two-provider");
    std::string text = example_text("two-provider");
    const auto start = text.find("  provider:\n");
    const auto middle = text.find("  partner:\n");
    const auto end = text.find("prefix-sets:");
    text = text.substr(0, start) + text.substr(middle, end - middle) +
           text.substr(start, middle - start) + text.substr(end);
    const auto parsed = parse(text, before.file, {});
    REQUIRE(parsed);
    const Config after = keep_places(*parsed, before);
    CHECK(names(after.uplinks) == "partner provider");
    CHECK(renumbering(before, after)(UplinkId(0)) == UplinkId(1));
    const Difference difference = diff(before, after);
    REQUIRE(difference.changes.size() == 1);
    CHECK(difference.changes[0].path == "uplinks");
    CHECK(difference.sessions.empty());
    REQUIRE(difference.traffic.size() == 1);
    CHECK(difference.traffic[0].what.find("home of every set is now partner") == 0);
}
