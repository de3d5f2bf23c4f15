// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The promise of `version:`, kept by a detour of the future: its version 3 calls things otherwise
// and has other defaults, and reads files of version 1 as what they meant.
#include "conf/model/versions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "conf/model/diff.h"
#include "conf/model/effective.h"
#include "tests/unit/model/example.h"

using namespace detour;
using namespace detour::model;
using namespace std::chrono_literals;

namespace {

// What the fictional versions 1 and 2 wrote is what ours does not know: `timings` for policy,
// `session` for bgp, `hold-time` for hold; and they had `colour`, which means nothing today.
void to_version_2(const Rewriting& document) {
    document.rename("", "timings", "policy");
    document.rename("uplinks.*", "session", "bgp");
    document.keep_default("policy", "overlap", "7s");
}
void to_version_3(const Rewriting& document) {
    document.rename("uplinks.*.bgp", "hold-time", "hold");
    document.keep_default("uplinks.*.bgp", "hold", "33s");
    document.drop("router", "colour", "boxes are grey");
}
constexpr std::array<VersionStep, 2> steps{{{2, to_version_2}, {3, to_version_3}}};
const Versions future{.current = 3, .steps = steps};

std::expected<Config, Diagnostics> read(const std::string& text) {
    return parse(text, SOURCE_DIR "/conf/examples/t.yaml", {}, future);
}

const Replacements as_version_1{{"policy: {fail-back: manual}", "timings: {fail-back: auto}"},
                                {"mode: auto}", "mode: auto, colour: green}"},
                                {"    bgp:\n      peers", "    session:\n      peers"},
                                {"bgp: {peers: [10.255.0.0], asn: 64497, hold: 30s}",
                                 "session: {peers: [10.255.0.0], asn: 64497, hold-time: 21s}"}};

}  // namespace

TEST_CASE("a file of an older version is read as what it meant") {
    const auto config = read(example_text("two-provider", as_version_1));
    REQUIRE_MESSAGE(config, (config ? "" : to_string(config.error())));
    CHECK(config->policy.fail_back == FailBack::automatic);
    CHECK(config->find_uplink("partner")->bgp->hold == 21s);
    CHECK(config->find_uplink("provider")->bgp->hold == 33s);
    CHECK(config->timing.overlap == 7s);
}

TEST_CASE("each thing that is otherwise today is said, at its place in the file") {
    const std::string text = example_text("two-provider", as_version_1);
    const auto config = read(text);
    REQUIRE(config);
    std::vector<std::string> said;
    for (const Diagnostic& notice : config->warnings) {
        if (!notice.message.starts_with("version "))
            continue;
        CHECK(notice.severity == Severity::note);
        CHECK_FALSE(notice.source_line.empty());
        said.push_back(notice.path + ": " + notice.message);
    }
    CHECK(said ==
          std::vector<std::string>{
              "router.colour: version 2 -> 3: means nothing any more: boxes are grey",
              "uplinks.provider.session: version 1 -> 2: is called bgp now",
              "uplinks.provider.bgp.hold: version 2 -> 3: has another default now; for this file "
              "it stays 33s",
              "uplinks.partner.session: version 1 -> 2: is called bgp now",
              "uplinks.partner.bgp.hold-time: version 2 -> 3: is called hold now",
              "timings: version 1 -> 2: is called policy now",
              "policy.overlap: version 1 -> 2: has another default now; for this file it stays "
              "7s"});
}

TEST_CASE("a section that is not there keeps its old defaults too") {
    const std::string text = example_text("two-provider", {{"policy: {fail-back: manual}", ""}});
    const auto config = read(text);
    REQUIRE_MESSAGE(config, (config ? "" : to_string(config.error())));
    CHECK(config->timing.overlap == 7s);
}

TEST_CASE("a file of the current version is read as it stands, in silence") {
    const auto config = read(example_text("two-provider", {{"version: 1", "version: 3"}}));
    REQUIRE(config);
    for (const Diagnostic& notice : config->warnings)
        CHECK_FALSE(notice.message.starts_with("version "));
    CHECK(config->timing.overlap == timing_of(Profile::careful).overlap);
    // What is of an older version is not known to the newest.
    CHECK_FALSE(read(example_text(
        "two-provider", {{"version: 1", "version: 3"}, {"hold: 30s", "hold-time: 30s"}})));
}

TEST_CASE("errors in an older file are shown where they stand there") {
    const auto config = read(example_text(
        "two-provider", {{"bgp: {peers: [10.255.0.0], asn: 64497, hold: 30s}",
                          "session: {peers: [10.255.0.0], asn: 64497, hold-time: 30}"}}));
    REQUIRE_FALSE(config);
    const auto error = std::ranges::find(config.error(), Severity::error, &Diagnostic::severity);
    REQUIRE(error != config.error().end());
    CHECK(error->position.line == 37);
    CHECK(error->source_line.find("hold-time: 30}") != std::string::npos);
}

TEST_CASE("a file of a later version is refused, and nothing of it is believed") {
    const auto config = read(example_text("two-provider", {{"version: 1", "version: 4"}}));
    REQUIRE_FALSE(config);
    CHECK(config.error().front().path == "version");
    CHECK(config.error().front().message ==
          "this file is of a later version than this detour reads (version: 3); a newer detour "
          "reads it");
    CHECK(config.error().front().position.line == 7);
}

TEST_CASE("this detour's steps are whole: one for each version after the first") {
    REQUIRE(versions().steps.size() == versions().current - 1);
    for (std::size_t i = 0; i < versions().steps.size(); ++i)
        CHECK(versions().steps[i].to == i + 2);
}
