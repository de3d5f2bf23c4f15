// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/effective.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "conf/model/keys.h"
#include "conf/model/load.h"
#include "tests/unit/model/example.h"

using namespace detour::model;

namespace {

const Setting& find(const std::vector<Setting>& settings, const std::string& name) {
    const auto found = std::ranges::find_if(
        settings, [&](const Setting& setting) { return setting.name() == name; });
    REQUIRE_MESSAGE(found != settings.end(), name);
    return *found;
}

}  // namespace

TEST_CASE("every example reads back from its effective YAML as the same configuration") {
    for (const char* name : {"minimal", "two-provider", "kernel-container"}) {
        CAPTURE(name);
        const Config config = example(name);
        const std::vector<Setting> settings = effective(config);
        const std::string yaml = to_yaml(settings);
        CAPTURE(yaml);
        const auto again = parse(yaml, config.file, {});
        REQUIRE_MESSAGE(again, (again ? "" : to_string(again.error())));
        const std::vector<Setting> others = effective(*again);
        REQUIRE(others.size() == settings.size());
        for (std::size_t i = 0; i < settings.size(); ++i) {
            CHECK(others[i].name() == settings[i].name());
            CHECK(others[i].values == settings[i].values);
        }
    }
}

TEST_CASE("each value says where it comes from") {
    const auto settings = effective(example("two-provider"));
    CHECK(source_text(find(settings, "router.asn")) == "line 8");
    CHECK(find(settings, "uplinks.provider.bgp.hold").text() == "90s");
    CHECK(source_text(find(settings, "uplinks.provider.bgp.hold")) == "default");
    CHECK(source_text(find(settings, "policy.stable-time")) == "profile careful");
    CHECK(find(settings, "policy.stable-time").text() == "15min");
    CHECK(find(settings, "uplinks.provider.gateway").text() == "[192.0.2.1, 2001:db8:1::1]");
    CHECK(source_text(find(settings, "uplinks.provider.gateway")) ==
          "from the one BGP peer of the family");
    CHECK(find(settings, "uplinks.provider.limit").is_only_shown);
}

// A key that the reader knows and the effective configuration forgets would be missing in a plan.
TEST_CASE("every key of the configuration is in the effective one of some example") {
    std::set<std::string> shown;
    for (const char* name : {"minimal", "two-provider", "kernel-container"})
        for (const Setting& setting : effective(example(name)))
            shown.insert(setting.path.back());
    const auto night = parse(example_text("minimal") +
                                 "overrides: {night: {owner: anna, until: "
                                 "2026-11-22T06:00Z, set: {router.mode: "
                                 "advise}}}\n",
                             "t.yaml", {});
    REQUIRE(night);
    const Config tagged = example(
        "minimal", {{R"(xcon0: {device: "0000:3b:00.1",)", "xcon0: {parent: wan0, vlan: 20,"}});
    for (const Config* config : {&*night, &tagged})
        for (const Setting& setting : effective(*config))
            shown.insert(setting.path.back());
    for (const keys::Section& section : keys::sections) {
        if (section.name == "the top level")
            continue;
        for (const std::string_view key : section.keys) {
            const std::string name(key);
            const bool is_section =
                name == "underlay" || name == "bgp" || name == "set" || name == "export";
            const bool is_in_line = section.name == "a target" || section.name == "an import rule";
            CHECK_MESSAGE((is_section || is_in_line || shown.contains(name)), name);
        }
    }
}
