// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/overrides.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "conf/model/diff.h"
#include "conf/model/effective.h"
#include "conf/types/wall_time.h"
#include "tests/unit/model/example.h"

using namespace detour;
using namespace detour::model;
using namespace std::chrono_literals;

namespace {

const char* const one_night =
    "overrides:\n"
    "  night:\n"
    "    owner: anna\n"
    "    reason: the partner's router is exchanged\n"
    "    until: 2026-11-22T06:00Z\n"
    "    set: {policy.fail-back: auto, router.mode: advise, uplinks.partner.limit: 200Mbps,\n"
    "          uplinks.provider.bgp.max-prefixes: 5, detect.profile: quick}\n";

WallTime at(const char* text) {
    return *parse_wall_time(text);
}

const WallTime evening = at("2026-11-21T22:00Z");
const WallTime morning = at("2026-11-22T06:00Z");

std::expected<Config, Diagnostics> read(const std::string& overrides, WallTime now) {
    return parse(example_text("two-provider") + overrides,
                 SOURCE_DIR "/conf/examples/two-provider.yaml", now);
}

Config config_at(const std::string& overrides, WallTime now) {
    auto config = read(overrides, now);
    REQUIRE_MESSAGE(config, (config ? "" : to_string(config.error())));
    return std::move(*config);
}

// The line of what stands so many lines behind the example.
std::uint32_t behind(std::uint32_t lines) {
    const std::string text = example_text("two-provider");
    return static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + lines;
}

// "PATH: MESSAGE" of each complaint about overrides.
std::vector<std::string> complaints(const std::string& overrides, WallTime now) {
    const auto config = read(overrides, now);
    std::vector<std::string> result;
    for (const Diagnostic& each : config ? config->warnings : config.error())
        if (each.severity != Severity::note)
            result.push_back(each.path + ": " + each.message);
    return result;
}

}  // namespace

TEST_CASE("until its time an override's values stand in the place of the file's") {
    const Config night = config_at(one_night, evening);
    CHECK(night.policy.fail_back == FailBack::automatic);
    CHECK(night.router.mode == Mode::advise);
    CHECK(night.find_uplink("partner")->limit == BitRate(200'000'000));
    CHECK(night.find_uplink("provider")->bgp->max_prefixes == 5);
    CHECK(night.timing == timing_of(Profile::quick));
    REQUIRE(night.overrides.size() == 1);
    CHECK(night.overrides[0].owner == "anna");
    CHECK(night.overrides[0].is_in_force);
    CHECK(next_end(night, evening) == morning);
    CHECK_FALSE(is_stale(night, morning - 1ns));
    CHECK(is_stale(night, morning));
}

TEST_CASE("at its time the file's own values are back, and it is said that it can go") {
    const Config day = config_at(one_night, morning);
    const Config plain = config_at("", morning);
    CHECK(day.policy.fail_back == plain.policy.fail_back);
    CHECK(day.router.mode == plain.router.mode);
    CHECK(day.find_uplink("partner")->limit == plain.find_uplink("partner")->limit);
    CHECK(day.timing == plain.timing);
    CHECK_FALSE(day.overrides[0].is_in_force);
    CHECK_FALSE(next_end(day, morning));
    CHECK_FALSE(is_stale(day, morning));
    CHECK(is_stale(day, evening));  // the clock was set back
    CHECK(complaints(one_night, morning) ==
          std::vector<std::string>{"overrides.night.until: is over: what it set does not hold any "
                                   "more; remove it"});
}

TEST_CASE("neither its beginning nor its end resets a session, moves traffic or needs a start") {
    const Config plain = config_at("", evening);
    const Config night = config_at(one_night, evening);
    const Config day = config_at(one_night, morning);
    for (const auto& [before, after] : {std::pair{&plain, &night}, std::pair{&night, &day}}) {
        const Difference difference = diff(*before, *after);
        CHECK(difference.changes.size() >= 5);
        CHECK(difference.sessions.empty());
        CHECK(difference.traffic.empty());
        CHECK(difference.restarts.empty());
        CHECK_FALSE(difference.is_heavy());
    }
}

TEST_CASE("the effective configuration says whose value it is and until when") {
    const Config night = config_at(one_night, evening);
    const auto settings = effective(night);
    const auto source = [&](const std::string& name) {
        const auto found = std::ranges::find(settings, name, &Setting::name);
        REQUIRE_MESSAGE(found != settings.end(), name);
        return found->text() + " " + source_text(*found);
    };
    CHECK(source("policy.fail-back") ==
          "auto override night of anna until 2026-11-22T06:00Z, line " + std::to_string(behind(6)));
    CHECK(source("policy.overlap") == "5min profile quick");
    CHECK(source("overrides.night.owner") == "anna line " + std::to_string(behind(3)));
    CHECK(source("overrides.night.set.router.mode") == "advise line " + std::to_string(behind(6)));
    const auto again = parse(to_yaml(settings), night.file, evening);
    REQUIRE_MESSAGE(again, (again ? "" : to_string(again.error())));
    CHECK(diff(night, *again).is_empty());
}

TEST_CASE("what must not end by itself at night cannot be overridden") {
    const auto said = [](const std::string& set) {
        return complaints(
            "overrides: {x: {owner: a, until: 2026-11-22T06:00Z, set: {" + set + "}}}\n", evening);
    };
    const std::string what_can =
        "cannot be overridden; what can be overridden: router.mode, detect.* but targets, "
        "policy.*, uplinks.NAME.limit and uplinks.NAME.bgp.max-prefixes";
    for (const std::string key :
         {"uplinks.partner.bgp.hold", "ports.wan0.mtu", "prefix-sets.mail.prefixes", "version",
          "uplinks..limit", "overrides.x.owner"})
        CHECK(said(key + ": 1") ==
              std::vector<std::string>{"overrides.x.set." + key + ": " + what_can});
    CHECK(said("policy.failback: auto") ==
          std::vector<std::string>{
              "overrides.x.set.policy.failback: cannot be overridden; did you mean "
              "\"policy.fail-back\"?"});
    CHECK(said("uplinks.nobody.limit: 1Gbps") ==
          std::vector<std::string>{
              "overrides.x.set.uplinks.nobody.limit: there is no uplink nobody"});
    CHECK(said("") ==
          std::vector<std::string>{"overrides.x.set: nothing is set; remove the override"});
}

TEST_CASE("a value is judged by the key's own rules, at its own place") {
    const auto config = read(
        "overrides:\n  x:\n    owner: anna\n    until: 2026-11-22T06:00Z\n"
        "    set:\n      policy.fail-back: sometimes\n",
        evening);
    REQUIRE_FALSE(config);
    REQUIRE(config.error().size() == 1);
    CHECK(config.error()[0].path == "policy.fail-back");
    CHECK(config.error()[0].position == Position{behind(6), 25});
}

TEST_CASE("a configuration that would be refused when an override ends is refused now") {
    // The window comes from one override, the mode that wants it from another that lasts longer.
    const std::string two =
        "overrides:\n"
        "  hours: {owner: anna, until: 2026-11-22T01:00Z, set: {policy.fail-back-window: "
        "\"02:00-05:00\"}}\n"
        "  home: {owner: ben, until: 2026-11-22T06:00Z, set: {policy.fail-back: window}}\n";
    CHECK(complaints(two, evening) ==
          std::vector<std::string>{
              "overrides.hours.until: what holds from then on is refused: policy.fail-back: say "
              "when: fail-back-window: 02:00-05:00 (every day, UTC)"});
    CHECK(config_at(std::string(two).replace(two.find("01:00Z"), 2, "07"), evening)
              .policy.fail_back == FailBack::window);
}

TEST_CASE("two that hold at one time do not set the same") {
    const std::string two =
        "overrides:\n"
        "  first: {owner: anna, until: 2026-11-22T06:00Z, set: {router.mode: advise}}\n"
        "  second: {owner: ben, until: 2026-11-22T01:00Z, set: {router.mode: auto}}\n";
    CHECK(complaints(two, evening) ==
          std::vector<std::string>{
              "overrides.second.set.router.mode: override first sets it too; end one of them"});
    // One that is over is in nobody's way.
    CHECK(config_at(two, at("2026-11-22T02:00Z")).router.mode == Mode::advise);
}

TEST_CASE("a section that the file does not have is made for the time") {
    auto config =
        parse(example_text("two-provider", {{"policy: {fail-back: manual}", ""}}) + one_night,
              SOURCE_DIR "/conf/examples/two-provider.yaml", evening);
    REQUIRE(config);
    CHECK(config->policy.fail_back == FailBack::automatic);
}
