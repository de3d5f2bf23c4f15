// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/localiser.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/controller/bench.h"

using namespace std::chrono_literals;
using namespace bench;

namespace {

const PrefixSetId web{1};

}  // namespace

TEST_CASE("a verdict sets off walks on every uplink, from the block and from outside it") {
    Bench box(story());
    box.settle();
    box.said.clear();
    box.null_routes = {{provider, web}};
    box.run(60s);
    std::vector<controller::Localised> walks;
    for (const auto& record : box.records())
        if (const auto* walk = std::get_if<controller::Localised>(&record.body)) {
            walks.push_back(*walk);
            // The cause is the wish.
            REQUIRE(record.causes.size() == 1);
            const auto all = box.records();
            const auto wish = std::ranges::find(all, record.causes[0], &controller::Record::number);
            REQUIRE(wish != all.end());
            const auto* action = std::get_if<decision::Action>(&wish->body);
            REQUIRE(action != nullptr);
            CHECK(std::holds_alternative<decision::Localise>(action->deed));
        }
    using From = controller::Localised::From;
    for (const UplinkId uplink : {provider, partner})
        for (const From from : {From::block, From::control_source})
            CHECK(std::ranges::count_if(walks, [&](const controller::Localised& walk) {
                      return walk.uplink == uplink && walk.from == from &&
                             walk.block == decision::Block{web, Family::ipv4};
                  }) == 1);
}
