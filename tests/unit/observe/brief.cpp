// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/brief.h"

#include <doctest/doctest.h>

#include "controlplane/observe/probe_summary.h"
#include "tests/unit/observe/folder.h"

namespace detour::observe {
namespace {

using nlohmann::json;

json figure(const char* name, double value, double threshold, const char* unit, bool holds) {
    return {{"name", name},           {"value", value}, {"comparison", "at_least"},
            {"threshold", threshold}, {"unit", unit},   {"holds", holds}};
}

Record act(RecordNumber number, std::string_view kind, const char* uplink, json payload) {
    Record record = row(number, kind);
    record.direction = Direction::output;
    record.subject.uplink = uplink;
    record.payload = std::move(payload);
    return record;
}

Record nullrouted() {
    return act(
        9, kind::verdict, "provider",
        {{"from", "HEALTHY"},
         {"to", "NULLROUTED"},
         {"place", "inside"},
         {"explanation",
          {{"rule", "NULLROUTED"},
           {"figures",
            {figure("score", 33.4, 33, "none", true), figure("span", 6.12, 6, "seconds", true)}},
           {"note", "S failed since the onset"}}}});
}

json status(const char* uplink, const char* verdict, json why) {
    return {{"sets",
             {{{"set", "mail"},
               {"family", "ipv4"},
               {"uplink", uplink},
               {"home", "provider"},
               {"since_s", 190.0},
               {"announced", {{{"uplink", uplink}}}},
               {"next", {{"rule", "failback"}, {"missing", "fail-back is manual"}}},
               {"next_in_s", nullptr}}}},
            {"uplinks",
             {{{"name", "provider"},
               {"blocks",
                {{{"set", "mail"},
                  {"family", "ipv4"},
                  {"verdict", verdict},
                  {"since_s", 7200.0},
                  {"homed_targets", 6},
                  {"lost_targets", 1},
                  {"confidence", 0.13},
                  {"why", std::move(why)}}}}}}}};
}

const Question mail{"mail", Family::ipv4, "198.51.100.0/24"};

// "Title: line | line", a section a line.
std::string told(const Evidence& evidence, const json& state) {
    std::string text;
    for (const Section& section : brief(mail, evidence, state)) {
        text += section.title + ":";
        for (const Line& line : section.lines)
            text += " | " + line.text;
        text += "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("an act is told with its reason, what was done, and what comes next") {
    Evidence evidence;
    evidence.acts = {
        nullrouted(), act(10, kind::announcement, "partner", {{"action", "announce"}}),
        act(11, kind::move, "partner",
            {{"move", "escape"}, {"step", "gate"}, {"from", "provider"}, {"to", "partner"}}),
        act(12, kind::announcement, "provider", {{"action", "withdraw"}}),
        act(13, kind::move, "partner",
            {{"move", "escape"},
             {"step", "idle"},
             {"from", "provider"},
             {"to", "partner"},
             {"explanation", {{"rule", "finished"}, {"note", "traffic came back"}}}})};
    CHECK(told(evidence, status("partner", "AWAY", json::object())) ==
          "Now: | mail/ipv4 leaves by partner (home is provider) for 3 min; announced on partner\n"
          "Why: | NULLROUTED on provider (was HEALTHY); packets to mail vanish inside provider [#9]"
          " | score against chance 33.4 (at least 33) | time it has lasted 6.12 s (at least 6 s)"
          " | S failed since the onset\n"
          "Done: | announced via partner [#10] | withdrawn from provider [#12]"
          " | escape from provider to partner: finished, traffic came back [#13]\n"
          "Next: | mail/ipv4: failback: fail-back is manual\n");
}

TEST_CASE("a refusal is told with the smallest change that would have let it act") {
    Evidence evidence;
    json age = figure("tunnel-age", 14.2, 10, "seconds", false);
    age["comparison"] = "at_most";
    evidence.acts = {nullrouted(),
                     act(10, kind::held, "provider",
                         {{"to", "partner"},
                          {"explanation",
                           {{"rule", "armed"},
                            {"figures", {figure("link-up", 1, 1, "truth", true), age}},
                            {"missing", "T was not good within the armed age"}}}})};
    const std::string text = told(evidence, status("provider", "NULLROUTED", json::object()));
    CHECK(text.find("Not done: | not done: move to partner (armed) [#10] | missing: T was not good "
                    "within the armed age | smallest change: last proof of the way, ago 14.2 s "
                    "must be at most 10 s\n") != std::string::npos);
}

TEST_CASE("a refusal that waits for an operator's word is told with the command") {
    Evidence evidence;
    evidence.acts = {
        nullrouted(),
        act(10, kind::held, "provider",
            {{"to", "partner"},
             {"command", "detour move mail --to partner NULLROUTED"},
             {"explanation", {{"rule", "NULLROUTED"}, {"missing", "mode is advise"}}}})};
    const std::string text = told(evidence, status("provider", "NULLROUTED", json::object()));
    CHECK(text.find("missing: mode is advise | to do it: detour move mail --to partner "
                    "NULLROUTED\n") != std::string::npos);
}

TEST_CASE("of a verdict that did not come the conditions that failed are the change") {
    const std::string text = told(
        {},
        status("provider", "UNCLEAR",
               {{"rule", "UNCLEAR"},
                {"missing", "the score is below h"},
                {"figures",
                 {figure("score", 12, 33, "none", false), figure("targets", 6, 4, "count", true),
                  figure("span", 2.1, 6, "seconds", false)}}}));
    CHECK(text.find("Why nothing is done: | mail/ipv4 on provider: UNCLEAR: the score is below h "
                    "for 2 h 0 min | smallest change: score against chance 12 must be at least 33; "
                    "and time it has lasted 2.10 s must be at least 6 s\n") != std::string::npos);
}

TEST_CASE("a healthy set is told how far it is from a verdict") {
    const std::string text = told({}, status("provider", "HEALTHY", {{"rule", "HEALTHY"}}));
    CHECK(text.find("smallest change: packets of the block lost on 4 of 6 targets (1 now), until "
                    "the score is reached (at 13 % now)") != std::string::npos);
}

TEST_CASE("what is over is told as past, behind why nothing is done now") {
    Evidence evidence;
    evidence.acts = {nullrouted()};
    const std::string text = told(evidence, status("provider", "HEALTHY", {{"rule", "HEALTHY"}}));
    const auto now = text.find("Why nothing is done: | mail/ipv4 on provider: HEALTHY");
    const auto past = text.find("Last alarm: | NULLROUTED on provider");
    REQUIRE(now != std::string::npos);
    REQUIRE(past != std::string::npos);
    CHECK(now < past);
}

TEST_CASE("probes are summed by way: sent, lost, median and the last reply") {
    const auto probe = [](RecordNumber number, const char* target, const char* result, json time) {
        Record record = row(number, kind::probe);
        record.payload = {{"class", "beacon"}, {"target", target}, {"result", result}};
        if (!time.is_null())
            record.payload["rtt_ms"] = std::move(time);
        return record;
    };
    const std::vector<Record> rows{
        probe(1, "192.0.2.129", "ok", 3.0), probe(2, "192.0.2.129", "ok", 1.0),
        probe(3, "192.0.2.129", "ok", 2.0), probe(4, "192.0.2.129", "lost", nullptr),
        probe(5, "192.0.2.137", "lost", nullptr)};
    const auto ways = summarise(rows);
    REQUIRE(ways.size() == 2);
    CHECK(ways[0].sent == 4);
    CHECK(ways[0].lost == 1);
    CHECK(ways[0].median_ms == 2.0);
    CHECK(ways[0].last_good == rows[2].wall);
    CHECK(ways[0].family == "ipv4");
    CHECK(ways[1].lost == 1);
    CHECK_FALSE(ways[1].last_good);
    const json document = to_json(ways[0], rows[3].wall);
    CHECK(document.at("last_good_age_s").get<double>() == doctest::Approx(0.001));
    CHECK(to_json(ways[1], rows[3].wall).at("median_ms").is_null());
    CHECK(summarise({}).empty());
}

}  // namespace detour::observe
