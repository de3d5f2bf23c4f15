// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/mirror/rules.h"

#include <doctest/doctest.h>

using namespace detour;
using namespace detour::mirror;

namespace {

Rule lookup(std::uint32_t priority, std::uint32_t table) {
    Rule rule;
    rule.priority = priority;
    rule.table = TableId(table);
    return rule;
}

Rule from(std::uint32_t priority, std::string_view prefix, std::uint32_t table) {
    Rule rule = lookup(priority, table);
    rule.source = *Prefix::parse(prefix);
    return rule;
}

// design.md 2.1
std::vector<Rule> house_rules() {
    std::vector<Rule> rules{lookup(0, 255),
                            lookup(100, 100),
                            lookup(200, 254),
                            lookup(300, 900),
                            from(400, "198.51.100.0/24", 1000),
                            lookup(450, 0),
                            lookup(460, 254),
                            lookup(500, 500),
                            lookup(32766, 254)};
    rules[1].input = "wan";
    rules[2].suppress_length = 0;
    rules[2].suppress_group = 196;
    rules[3].output = "wan";
    rules[5].input = "lan";
    rules[5].action = RuleAction::prohibit;
    rules[6].suppress_length = 0;
    return rules;
}

}  // namespace

TEST_CASE("an uplink looks at its own table first, and nobody meets a rule with an output") {
    const auto rules = house_rules();
    const Plan plan = plan_rules(rules, "wan");
    REQUIRE(plan.before.size() == 3);
    CHECK(plan.before[1].table == TableId(100));
    CHECK(plan.before[2].suppress_group == 196);
    CHECK(plan.sources.size() == 1);
    CHECK(plan.after.size() == 3);
    CHECK(plan.unsupported == 0);
}

TEST_CASE("undeclared sources from the LAN end at the prohibition") {
    const auto rules = house_rules();
    const Plan plan = plan_rules(rules, "lan");
    CHECK(plan.before.size() == 2);
    REQUIRE(plan.after.size() == 1);
    CHECK(plan.after[0].verdict == Verdict::prohibit);
}

TEST_CASE("local and main alone are one lookup by destination") {
    const std::vector<Rule> rules{lookup(0, 255), lookup(32766, 254), lookup(32767, 253)};
    const Plan plan = plan_rules(rules, "lan");
    CHECK(plan.before.size() == 3);
    CHECK(plan.sources.empty());
    CHECK(plan.after.empty());
}

TEST_CASE("a rule of a form that is not compiled punts what reaches it") {
    struct Row {
        std::string_view what;
        Rule rule;
    };
    Rule marked = lookup(10, 7);
    marked.is_foreign = true;
    Rule jump = lookup(10, 0);
    jump.action = RuleAction::other;
    for (const Row& row : {Row{"fwmark", marked}, Row{"goto", jump}}) {
        CAPTURE(row.what);
        const std::vector<Rule> rules{lookup(0, 255), row.rule, lookup(32766, 254)};
        const Plan plan = plan_rules(rules, "lan");
        REQUIRE(plan.before.size() == 2);
        CHECK(plan.before[1].verdict == Verdict::unsupported);
        CHECK(plan.unsupported == 1);
    }
}

TEST_CASE("an inverted rule is for what its selectors do not name: nobody gets past it") {
    Rule source = from(10, "198.51.100.0/24", 7);
    Rule destination = lookup(10, 7);
    destination.destination = *Prefix::parse("192.0.2.0/24");
    Rule input = lookup(10, 7);
    input.input = "wan";
    Rule output = lookup(10, 7);
    output.output = "wan";
    for (Rule rule : {source, destination, input, output}) {
        rule.is_inverted = rule.is_foreign = true;
        CAPTURE(to_string(rule));
        const std::vector<Rule> rules{lookup(0, 255), rule, lookup(32766, 254)};
        const Plan plan = plan_rules(rules, "lan");
        CHECK(plan.sources.empty());
        CHECK(plan.after.empty());
        REQUIRE(plan.before.size() == 2);
        CHECK(plan.before[1].verdict == Verdict::unsupported);
        CHECK_FALSE(plan.before[1].destination.has_value());
    }
}

TEST_CASE("a rule that does nothing is passed over") {
    Rule nothing = lookup(10, 0);
    nothing.action = RuleAction::nothing;
    const std::vector<Rule> rules{nothing, lookup(32766, 254)};
    CHECK(plan_rules(rules, "lan").before.size() == 1);
}

TEST_CASE("by source and destination at once is the kernel's, for that source") {
    Rule both = from(10, "198.51.100.0/24", 7);
    both.destination = *Prefix::parse("192.0.2.0/24");
    const std::vector<Rule> rules{both, lookup(32766, 254)};
    const Plan plan = plan_rules(rules, "lan");
    REQUIRE(plan.sources.size() == 1);
    CHECK(plan.sources[0].step.verdict == Verdict::unsupported);
    CHECK_FALSE(plan.sources[0].step.destination.has_value());
    CHECK(plan.after.size() == 1);
}

TEST_CASE("by source behind by destination behind by source is the kernel's, for what gets there") {
    const std::vector<Rule> rules{from(10, "198.51.100.0/24", 7), lookup(20, 8),
                                  from(30, "203.0.113.0/24", 9), lookup(32766, 254)};
    const Plan plan = plan_rules(rules, "lan");
    REQUIRE(plan.after.size() == 2);
    CHECK(plan.after[1].verdict == Verdict::unsupported);
    CHECK(plan.unsupported == 1);
}

TEST_CASE("a rule by destination keeps its destination, and the search goes on behind it") {
    Rule to = lookup(10, 7);
    to.destination = *Prefix::parse("192.0.2.0/24");
    to.action = RuleAction::unreachable;
    const std::vector<Rule> rules{to, lookup(32766, 254)};
    const Plan plan = plan_rules(rules, "lan");
    REQUIRE(plan.before.size() == 2);
    CHECK(plan.before[0].verdict == Verdict::unreachable);
    CHECK(plan.before[0].destination == *Prefix::parse("192.0.2.0/24"));
}
