// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/incidents.h"

#include <doctest/doctest.h>

#include "controlplane/observe/journal.h"
#include "tests/unit/observe/folder.h"

namespace detour::observe {
namespace {

using nlohmann::json;

Record of(RecordNumber number, std::string_view kind, const char* uplink, json payload) {
    Record record = row(number, kind);
    record.direction = Direction::output;
    record.weight = Weight::lasting;
    record.subject.uplink = uplink;
    record.payload = std::move(payload);
    return record;
}

Record verdict(RecordNumber number, const char* uplink, const char* to) {
    return of(number, kind::verdict, uplink,
              {{"from", "HEALTHY"}, {"to", to}, {"place", "inside"}});
}

Record leaves_by(RecordNumber number, const char* uplink) {
    return of(number, kind::forwarding, uplink, {{"egress", uplink}});
}

Record step(RecordNumber number, const char* kind, const char* name, const char* from,
            const char* to) {
    return of(number, kind::move, to, {{"move", kind}, {"step", name}, {"from", from}, {"to", to}});
}

// A null route on provider, the escape to partner, and the way home.
std::vector<Record> night() {
    return {leaves_by(1, "provider"),
            verdict(2, "provider", "HEALTHY"),
            verdict(5, "provider", "NULLROUTED"),
            step(6, "escape", "forwarding", "provider", "partner"),
            leaves_by(7, "partner"),
            step(9, "escape", "idle", "provider", "partner"),
            verdict(10, "provider", "AWAY"),
            verdict(11, "partner", "HEALTHY"),
            step(20, "failback", "canary", "partner", "provider"),
            leaves_by(22, "provider"),
            step(23, "failback", "idle", "partner", "provider"),
            verdict(24, "provider", "HEALTHY")};
}

}  // namespace

TEST_CASE("an incident begins with the alarm and ends when all is as it was") {
    const auto found = incidents_of(night());
    REQUIRE(found.size() == 1);
    CHECK(found[0].id == 5);
    CHECK(found[0].headline == "NULLROUTED on provider, inside");
    CHECK(found[0].sets == std::set<std::string>{"mail/ipv4"});
    CHECK(found[0].last == 23);
    CHECK(found[0].ended == night()[10].wall);
}

TEST_CASE("a set that waits abroad keeps its incident open") {
    std::vector<Record> rows = night();
    rows.resize(8);
    const auto found = incidents_of(rows);
    REQUIRE(found.size() == 1);
    CHECK_FALSE(found[0].ended);
    CHECK(found[0].away == std::set<std::string>{"mail/ipv4"});
    CHECK(found[0].last == 11);
}

TEST_CASE("an alarm that passes without a move is an incident, too") {
    const auto found = incidents_of({leaves_by(1, "provider"), verdict(2, "provider", "PARTIAL"),
                                     verdict(3, "provider", "HEALTHY")});
    REQUIRE(found.size() == 1);
    CHECK(found[0].headline == "PARTIAL on provider, inside");
    CHECK(found[0].ended);
    CHECK(incidents_of({verdict(2, "provider", "UNCLEAR"), verdict(3, "provider", "HEALTHY")})
              .empty());
}

TEST_CASE("an operator's move is an incident until the set is home") {
    std::vector<Record> rows{
        leaves_by(1, "provider"), step(2, "planned", "announce", "provider", "partner"),
        leaves_by(3, "partner"), step(4, "planned", "idle", "provider", "partner")};
    CHECK(incidents_of(rows)[0].headline == "planned to partner");
    CHECK_FALSE(incidents_of(rows)[0].ended);
    rows.push_back(leaves_by(5, "provider"));
    CHECK(incidents_of(rows)[0].ended);
}

TEST_CASE("a restart forgets alarms, not where traffic goes") {
    std::vector<Record> rows = night();
    rows.resize(5);
    rows.push_back(of(8, "started", "", {{"has_state", true}}));
    CHECK_FALSE(incidents_of(rows).back().ended);
    CHECK(incidents_of({verdict(1, "provider", "NULLROUTED"), of(2, "started", "", {})})[0].ended);
}

TEST_CASE("two nights are two incidents") {
    std::vector<Record> rows = night();
    for (Record record : night()) {
        record.number += 100;
        rows.push_back(record);
    }
    const auto found = incidents_of(rows);
    REQUIRE(found.size() == 2);
    CHECK(found[1].id == 105);
}

TEST_CASE("the timeline tells each step with its offset and its evidence") {
    const Folder folder;
    {
        const auto journal = Journal::open(folder.journal());
        REQUIRE(journal.has_value());
        for (const Record& record : night())
            (*journal)->append(record);
        // Heard and taken: two rows, one line.
        (*journal)->append(of(12, kind::operation, "", {{"action", "failback"}, {"by", "anna"}}));
        (*journal)->append(of(13, kind::operation, "", {{"action", "failback"}}));
    }
    const auto reader = Reader::open(folder.journal());
    REQUIRE(reader.has_value());
    const auto found = find_incidents(*reader);
    REQUIRE(found.has_value());
    REQUIRE(found->size() == 1);
    const auto told = timeline(*reader, found->front(), night().back().wall);
    REQUIRE(told.has_value());
    CHECK(told->at("open") == false);
    const json& events = told->at("events");
    REQUIRE(events.size() == 8);  // forwarding is no event of its own
    CHECK(events[0].at("text") ==
          "NULLROUTED on provider (was HEALTHY); packets to mail vanish inside provider");
    CHECK(events[0].at("offset_s") == 0);
    CHECK(events[0].at("set") == "mail");
    CHECK(events[1].at("kind") == "move");
    CHECK(events.back().at("number") == 23);
    CHECK(events.back().at("offset_s").get<double>() == doctest::Approx(told->at("lasted_s")));
}

}  // namespace detour::observe
