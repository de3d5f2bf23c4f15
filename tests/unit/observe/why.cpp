// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/why.h"

#include <doctest/doctest.h>

#include "tests/unit/observe/folder.h"

namespace detour::observe {
namespace {

using nlohmann::json;

json figure(const char* name, double value, const char* comparison, double threshold,
            const char* unit, const char* section, double out_of = 0) {
    const bool holds = std::string(comparison) != "at_least" || value >= threshold;
    return {{"name", name},           {"value", value}, {"comparison", comparison},
            {"threshold", threshold}, {"unit", unit},   {"out_of", out_of},
            {"section", section},     {"holds", holds}};
}

Record probe(RecordNumber number, const char* target, const char* result) {
    Record record = row(number, kind::probe);
    record.payload = {
        {"class", "beacon"}, {"kind", "icmp"}, {"target", target}, {"result", result}};
    return record;
}

Record verdict(RecordNumber number, const char* from, const char* to, json figures) {
    Record record = row(number, kind::verdict);
    record.direction = Direction::output;
    record.weight = Weight::lasting;
    record.payload = {{"from", from},
                      {"to", to},
                      {"explanation", {{"rule", to}, {"figures", std::move(figures)}}}};
    return record;
}

Record act(RecordNumber number, std::string_view kind, json payload,
           std::vector<RecordNumber> causes) {
    Record record = row(number, kind);
    record.direction = Direction::output;
    record.weight = Weight::lasting;
    record.payload = std::move(payload);
    record.causes = std::move(causes);
    return record;
}

// The null-route story as the journal has it, with the span that the configuration asked for.
std::vector<Record> story(double span_threshold) {
    std::vector<Record> rows;
    for (RecordNumber number = 1; number <= 8; ++number)
        rows.push_back(probe(number, number % 2 == 0 ? "192.0.2.129" : "192.0.2.137", "lost"));
    Record nullrouted =
        verdict(9, "HEALTHY", "NULLROUTED",
                {figure("score", 33.44, "at_least", 33, "none", "2(1)"),
                 figure("targets", 6, "at_least", 4, "count", "2(2)", 6),
                 figure("span", 6.12, "at_least", span_threshold, "seconds", "2(3)"),
                 figure("control loss", 0.035, "at_most", 0.2, "ratio", "2(5)")});
    nullrouted.payload["place"] = "inside";
    nullrouted.payload["asn"] = 64496;
    nullrouted.causes = {1, 2, 3, 4, 5, 6, 7, 8};
    rows.push_back(nullrouted);
    rows.push_back(act(
        10, kind::move,
        {{"move", "escape"}, {"step", "announce"}, {"from", "provider"}, {"to", "partner"}}, {9}));
    Record announced = act(11, kind::announcement, {{"action", "announce"}, {"prepends", 0}}, {10});
    announced.subject.uplink = "partner";
    rows.push_back(announced);
    Record acknowledged =
        act(12, kind::acknowledgement, {{"fact", "done"}, {"latency_ms", 1.25}}, {11});
    acknowledged.direction = Direction::input;
    rows.push_back(acknowledged);
    rows.push_back(act(13, kind::announcement, {{"action", "withdraw"}}, {12}));
    return rows;
}

std::string told(const std::vector<Record>& rows, const Question& question) {
    const Folder folder;
    {
        const auto journal = Journal::open(folder.journal());
        REQUIRE(journal.has_value());
        for (const Record& record : rows)
            (*journal)->append(record);
    }
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    const auto evidence = gather(*reader, question);
    REQUIRE(evidence.has_value());
    return to_text(answer(question, *evidence));
}

const Question mail{"mail", Family::ipv4, "198.51.100.0/24"};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the story is told from verdict to withdrawal, with figures, thresholds and causes") {
    const std::string text = told(story(6), mail);
    CHECK(text ==
          "mail ipv4 (198.51.100.0/24)\n"
          "Last verdict: NULLROUTED on provider (was HEALTHY); packets to mail vanish inside "
          "AS64496. "
          "Last step: escape from provider to partner: announce.\n"
          "\n"
          "2026-11-20T23:04:05.009Z  #9  NULLROUTED on provider (was HEALTHY); packets to mail "
          "vanish "
          "inside AS64496\n"
          "    + score            33.4           at least 33              section 2(1)\n"
          "    + targets          6 of 6         at least 4               section 2(2)\n"
          "    + span             6.12 s         at least 6 s             section 2(3)\n"
          "    + control loss     3.50 %         at most 20 %             section 2(5)\n"
          "    because 8x probe beacon icmp by provider lost: 192.0.2.129 (4x), 192.0.2.137 (4x) "
          "[#1..#8]\n"
          "\n"
          "2026-11-20T23:04:05.010Z  #10  escape from provider to partner: announce\n"
          "    because NULLROUTED on provider (was HEALTHY); packets to mail vanish inside AS64496 "
          "[#9]\n"
          "\n"
          "2026-11-20T23:04:05.011Z  #11  announced via partner\n"
          "    because escape from provider to partner: announce [#10]\n"
          "\n"
          "2026-11-20T23:04:05.012Z  #12  acknowledgement provider fact=done latency_ms=1.25\n"
          "    because announced via partner [#11]\n"
          "\n"
          "2026-11-20T23:04:05.013Z  #13  withdrawn from provider\n"
          "    because acknowledgement provider fact=done latency_ms=1.25 [#12]\n");
}

TEST_CASE("an operator's word is told once, with who said it and why") {
    const Record frozen =
        act(1, kind::operation,
            {{"action", "freeze"}, {"frozen", true}, {"by", "anna"}, {"reason", ""}}, {});
    const Record heard = act(2, kind::operation, {{"action", "freeze"}, {"frozen", true}}, {1});
    const Record thawed = act(
        3, kind::operation,
        {{"action", "freeze"}, {"frozen", false}, {"by", "anna"}, {"reason", "they found it"}}, {});
    const Record moved =
        act(4, kind::operation,
            {{"action", "move"}, {"to", "partner"}, {"by", "ben"}, {"reason", "maintenance"}}, {});
    const std::string text = told({frozen, heard, thawed, moved}, mail);
    CHECK(has(text, "#1  operator anna: freeze\n"));
    CHECK(has(text, "#3  operator anna: thaw (they found it)\n"));
    CHECK(has(text, "#4  operator ben: move to partner (maintenance)\n"));
    CHECK(is_echo(heard));
    CHECK_FALSE(is_echo(frozen));
}

TEST_CASE("a threshold that was another when the row was written is told as it was") {
    CHECK(has(told(story(6), mail), "at least 6 s"));
    const std::string text = told(story(3.5), mail);
    CHECK(has(text, "at least 3.50 s"));
    CHECK_FALSE(has(text, "at least 6 s"));
}

TEST_CASE("what was not done is told with the condition that was missing") {
    std::vector<Record> rows = story(6);
    rows.resize(9);
    rows.push_back(act(10, kind::held,
                       {{"to", "partner"},
                        {"explanation",
                         {{"rule", "armed"},
                          {"figures", {figure("tunnel age", 14.2, "at_most", 10, "seconds", "4")}},
                          {"missing", "T good within the armed age"},
                          {"note", "partner answers no probe"}}}},
                       {9}));
    rows.back().payload["explanation"]["figures"][0]["holds"] = false;
    const std::string text = told(rows, mail);
    CHECK(has(text,
              "Now not done: move to partner (armed), because this is missing: T good within the "
              "armed age"));
    CHECK(has(text, "    - tunnel age       14.2 s         at most 10 s             section 4\n"));
    CHECK(has(text, "    missing: T good within the armed age\n"));
    CHECK(has(text, "    partner answers no probe\n"));
}

TEST_CASE("what waits for an operator's word is told with the command") {
    std::vector<Record> rows = story(6);
    rows.resize(9);
    rows.push_back(act(10, kind::held,
                       {{"to", "partner"},
                        {"command", "detour move mail --to partner NULLROUTED"},
                        {"explanation", {{"rule", "NULLROUTED"}, {"missing", "mode is advise"}}}},
                       {9}));
    const std::string text = told(rows, mail);
    CHECK(has(text,
              "    missing: mode is advise\n"
              "    to do it: detour move mail --to partner NULLROUTED\n"));
}

TEST_CASE("a walk is told hop by hop, with what it was asked for") {
    std::vector<Record> rows = story(6);
    rows.resize(9);
    rows.push_back(act(10, "localise", json::object(), {9}));
    const auto walk = [](RecordNumber number, const char* from, json hops) {
        return act(number, kind::walk,
                   {{"from", from},
                    {"source", "198.51.100.2"},
                    {"target", "192.0.2.129"},
                    {"hops", std::move(hops)}},
                   {10});
    };
    const json first{{"hop", 1}, {"says", "passed"}, {"router", "192.0.2.1"}, {"rtt_ms", 1.0}};
    const json silent{{"hop", 2}};
    const json last{{"hop", 3},
                    {"says", "arrived"},
                    {"router", "192.0.2.129"},
                    {"rtt_ms", 9.0},
                    {"arrival", "partner"}};
    rows.push_back(walk(11, "control", {first, silent, last}));
    rows.push_back(walk(12, "block", json::array()));
    const std::string text = told(rows, mail);
    CHECK(has(text,
              "#11  walk by provider from outside the block to 192.0.2.129: 1 192.0.2.1, 2 "
              "*, 3 192.0.2.129 (the target) by partner\n"));
    CHECK(has(text, "#12  walk by provider from mail to 192.0.2.129: nobody answered\n"));
    CHECK(has(text, "because localise"));
}

TEST_CASE("the story begins where the calm ended last") {
    std::vector<Record> rows{verdict(1, "HEALTHY", "PARTIAL", json::array()),
                             verdict(2, "PARTIAL", "HEALTHY", json::array())};
    for (Record record : story(6)) {
        record.number += 2;
        for (RecordNumber& cause : record.causes)
            cause += 2;
        rows.push_back(record);
    }
    const std::string text = told(rows, mail);
    CHECK_FALSE(has(text, "PARTIAL"));
    CHECK(has(text, "#11  NULLROUTED"));
}

TEST_CASE("calm alone is told, too") {
    const std::string text =
        told({verdict(1, "UNSEEN", "HEALTHY", {figure("targets", 6, "at_least", 3, "count", "1")})},
             mail);
    CHECK(has(text, "Last verdict: HEALTHY on provider (was UNSEEN)."));
    CHECK(has(text, "+ targets          6              at least 3"));
}

TEST_CASE("with nothing in the journal that is what is said") {
    CHECK(told({probe(1, "192.0.2.129", "ok")}, mail) ==
          "mail ipv4 (198.51.100.0/24)\n"
          "Nothing has been decided about mail: the journal holds no verdict, move or refusal.\n");
    CHECK(has(told(story(6), {"web", {}, ""}), "Nothing has been decided about web"));
}

TEST_CASE("causes that are gone are said to be gone") {
    std::vector<Record> rows = story(6);
    rows.erase(rows.begin(), rows.begin() + 8);
    CHECK(has(told(rows, mail), "because 8x no longer in the journal [#1..#8]"));
}

TEST_CASE("the JSON answer holds what the text says") {
    Evidence evidence;
    evidence.acts = {story(6)[8]};
    const json result = to_json(answer(mail, evidence));
    const json& event = result.at("events").at(0);
    CHECK(event.at("figures").at(2).at("threshold") == "at least 6 s");
    CHECK(event.at("because").at(0).at("records").size() == 8);
    CHECK(result.at("title") == "mail ipv4 (198.51.100.0/24)");
}

}  // namespace detour::observe
