// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/counter_reader.h"

#include <doctest/doctest.h>

#include "conf/model/load.h"

using detour::Family;
using detour::daemon::parse_counters;

namespace {

const detour::model::Config& story() {
    static const auto config =
        detour::model::load(SOURCE_DIR "/conf/examples/two-provider.yaml", {});
    return *config;
}

}  // namespace

TEST_CASE("a page of the data plane's counters is read by the configuration's names") {
    const auto page =
        parse_counters(R"({"/detour/sets": {"total": 3, "first": 0, "next": 2, "items": [
        {"uplink": "provider", "set": "web", "family": "ipv6", "in_packets": 7, "in_bytes": 900,
         "out_packets": 5, "out_bytes": 600},
        {"uplink": "elsewhere", "set": "web", "family": "ipv4", "in_packets": 1, "in_bytes": 1,
         "out_packets": 1, "out_bytes": 1}]}})",
                       story());
    REQUIRE(page);
    REQUIRE(page->next);
    CHECK(*page->next == 2);
    REQUIRE(page->counters.size() == 1);
    const auto& row = page->counters.front();
    CHECK(story().uplink(row.uplink).name == "provider");
    CHECK(story().prefix_set(row.block.set).name == "web");
    CHECK(row.block.family == Family::ipv6);
    CHECK(row.packets_in == 7);
    CHECK(row.packets_out == 5);
    CHECK(row.bytes_in == 900);
}

TEST_CASE("an answer of another form is no page") {
    for (const char* answer :
         {"", "{}", "null", R"({"/detour/sets": null})", R"({"/detour/sets": {"items": [{}]}})",
          R"({"/detour/sets": {"items": [{"uplink": 7}]}})"}) {
        CAPTURE(answer);
        CHECK_FALSE(parse_counters(answer, story()));
    }
}
