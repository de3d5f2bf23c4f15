// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/explain.h"

#include <doctest/doctest.h>

#include <map>

#include "dataplane/fib/decide.h"
#include "tests/unit/mirror/house.h"

using namespace detour;
using namespace detour::mirror;
using namespace detour::mirror::test;

namespace {

InterfaceIndex interface_of(std::string_view name) {
    static const std::map<std::string_view, InterfaceIndex> all{
        {"wan", wan}, {"xcon", xcon}, {"lan", lan}, {"partner", partner}};
    return all.at(name);
}

Explanation explained(House& house, std::string_view input, std::string_view source,
                      std::string_view destination) {
    return explain(house.kernel(), house.compiler().devices(), interface_of(input),
                   *Address::parse(source), *Address::parse(destination));
}

// "200 suppressed, 400 answer"
std::string steps(const Explanation& explanation) {
    std::string text;
    for (const Asked& asked : explanation.steps)
        text += (text.empty() ? "" : ", ") + std::to_string(asked.priority) + " " +
                std::string(to_string(asked.outcome));
    return text;
}

}  // namespace

TEST_CASE("the way through the rules is told in their order, up to the answer") {
    const auto house = House::furnished();
    CHECK(steps(explained(*house, "lan", "198.51.100.9", "192.0.2.2")) == "0 answer");
    CHECK(steps(explained(*house, "wan", "8.8.8.8", "198.51.100.9")) == "0 no route, 100 answer");
    CHECK(steps(explained(*house, "lan", "198.51.100.9", "203.0.113.9")) ==
          "0 no route, 200 answer");
    CHECK(steps(explained(*house, "lan", "10.1.0.9", "9.9.9.9")) ==
          "0 no route, 200 suppressed, 450 answer");
    CHECK(steps(explained(*house, "lan", "198.51.100.9", "224.0.0.5")) == "0 answer");
}

TEST_CASE("a rule by source names its table, the route and the next hop object behind it") {
    const auto house = House::furnished();
    const Explanation told = explained(*house, "lan", "198.51.100.9", "9.9.9.9");
    REQUIRE(!told.steps.empty());
    const Asked& last = told.steps.back();
    CHECK(last.priority == 400);
    CHECK(last.rule == "from 198.51.100.0/24 lookup 1000");
    CHECK(last.table == TableId(mail_table));
    CHECK(last.route == "default nhid 10 group [nhid 1 via 192.0.2.1 dev wan]");
    CHECK(last.outcome == Outcome::answer);
}

TEST_CASE("a rule that is not followed is told with the route that it did not take") {
    const auto house = House::furnished();
    house->route(254, "9.9.9.0/24", "via 192.0.2.1 dev 1");
    const Explanation told = explained(*house, "lan", "198.51.100.9", "9.9.9.9");
    CHECK(steps(told) == "0 no route, 200 suppressed, 400 answer");
    CHECK(told.steps[1].route == "9.9.9.0/24 via 192.0.2.1 dev wan");
}

TEST_CASE("a prefix whose next hops are dead is passed over for a shorter one") {
    const auto house = House::furnished();
    house->route(100, "198.51.100.0/25", "nhid 4711");  // an object that nobody knows
    const Explanation told = explained(*house, "wan", "8.8.8.8", "198.51.100.9");
    CHECK(told.steps.back().route.starts_with("198.51.100.0/24 "));
}

TEST_CASE("what the rules say is what the compiled tables do") {
    const auto house = House::furnished();
    house->compile();
    for (const std::string_view input : {"wan", "xcon", "lan", "partner"})
        for (const std::string_view source : {"198.51.100.9", "203.0.113.9", "10.1.0.9", "8.8.8.8"})
            for (const std::string_view destination :
                 {"198.51.100.9", "203.0.113.9", "10.1.0.2", "10.1.0.77", "192.0.2.1", "192.0.2.2",
                  "9.9.9.9", "224.0.0.5", "255.255.255.255"}) {
                CAPTURE(input);
                CAPTURE(source);
                CAPTURE(destination);
                const auto told = explained(*house, input, source, destination);
                REQUIRE(told.next_hops.size() == 1);
                CHECK(fib::describe(house->state(), told.next_hops.front()) ==
                      house->says(input, source, destination));
            }
}
