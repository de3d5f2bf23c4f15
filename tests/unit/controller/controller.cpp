// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The wiring: inputs of every kind on one side, what must come out on the other, with neighbours
// and hosts behind it that speak through the shipping codecs.
#include "controlplane/controller/controller.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/controller/bench.h"

using namespace std::chrono_literals;
using namespace bench;
using controller::Record;
using decision::MoveStep;
using decision::Verdict;

namespace {

const Address provider4 = *Address::parse("192.0.2.1");
const Address provider6 = *Address::parse("2001:db8:1::1");
const Address partner4 = *Address::parse("10.255.0.0");
const PrefixSetId mail{0};
const PrefixSetId web{1};

std::vector<std::string> table(const Bench& box, const Address& neighbour) {
    std::vector<std::string> names;
    for (const auto& [prefix, attributes] : box.neighbours.at(neighbour).table())
        names.push_back(prefix.to_string());
    return names;
}

template <class Body>
std::vector<std::pair<Record, Body>> rows(const Bench& box) {
    std::vector<std::pair<Record, Body>> found;
    for (const Record& record : box.records()) {
        if (const auto* action = std::get_if<decision::Action>(&record.body))
            if (const auto* body = std::get_if<Body>(&action->deed))
                found.emplace_back(record, *body);
    }
    return found;
}

controller::Command command(std::uint64_t number, const controller::Command::Deed& deed) {
    return {.number = number, .actor = "alice", .reason = "a test", .deed = deed};
}

}  // namespace

TEST_CASE(
    "each session announces the declared prefixes of its families, at the first uplink alone") {
    Bench box(story());
    box.settle();
    CHECK(table(box, provider4) == std::vector<std::string>{"198.51.100.0/24", "203.0.113.0/24"});
    CHECK(table(box, provider6) == std::vector<std::string>{"2001:db8:77::/48"});
    CHECK(table(box, partner4).empty());
    const auto& attributes =
        box.neighbours.at(provider6).table().at(*Prefix::parse("2001:db8:77::/48"));
    CHECK(attributes.next_hop == *Address::parse("2001:db8:1::2"));
    CHECK(attributes.as_path.to_string() == "64500");
}

TEST_CASE("one session carries both families, each with our own next hop on that link") {
    Bench box(story());
    box.settle();
    box.give(command(1, decision::OperatorMove{web, partner}));
    REQUIRE(box.run_until([&] { return table(box, partner4).size() == 2; }, 10s));
    const auto& routes = box.neighbours.at(partner4).table();
    CHECK(routes.at(*Prefix::parse("203.0.113.0/24")).next_hop == *Address::parse("10.255.0.1"));
    CHECK(routes.at(*Prefix::parse("2001:db8:77::/48")).next_hop ==
          *Address::parse("2001:db8:ff::1"));
}

TEST_CASE("a null route moves its set alone: forwarding, announced, then withdrawn") {
    Bench box(story());
    box.settle();
    box.said.clear();
    box.null_routes = {{provider, web}};
    REQUIRE(box.run_until(
        [&] {
            return box.has(partner4, "203.0.113.0/24") && !box.has(provider4, "203.0.113.0/24") &&
                   box.has(partner4, "2001:db8:77::/48") && !box.has(provider6, "2001:db8:77::/48");
        },
        5s));
    box.run(5s);
    CHECK(box.egress(web, Family::ipv4) == partner);
    CHECK(box.egress(web, Family::ipv6) == partner);
    CHECK(box.egress(mail, Family::ipv4) == provider);
    CHECK(table(box, provider4) == std::vector<std::string>{"198.51.100.0/24"});
    std::vector<MoveStep> steps;
    for (const auto& [record, step] : rows<decision::MoveStepped>(box)) {
        CHECK(step.block.set == web);
        if (step.block.family == Family::ipv4)
            steps.push_back(step.step);
    }
    CHECK(steps == std::vector{MoveStep::forwarding, MoveStep::announce, MoveStep::gate,
                               MoveStep::withdraw, MoveStep::life, MoveStep::complete,
                               MoveStep::idle});
}

TEST_CASE("nothing is announced before the kernel has confirmed the forwarding") {
    Bench box(story());
    box.settle();
    box.confirms_forwarding = false;
    box.null_routes = {{provider, web}};
    box.run(5s);
    CHECK(box.egress(web, Family::ipv4) == partner);
    CHECK(table(box, partner4).empty());
    CHECK(box.has(provider4, "203.0.113.0/24"));
    // It is asked again after a while, and then answered.
    box.confirms_forwarding = true;
    CHECK(box.run_until([&] { return box.has(partner4, "203.0.113.0/24"); }, 6s));
}

TEST_CASE("record numbers grow by one, and causes are earlier records") {
    Bench box(story());
    box.settle();
    box.null_routes = {{provider, web}};
    box.give(command(1, decision::OperatorFreeze{}));
    box.run(5s);
    std::uint64_t last = 0;
    std::set<std::uint64_t> known;
    std::size_t with_causes = 0;
    for (const Record& record : box.records()) {
        CHECK(record.number == last + 1);
        last = record.number;
        for (const std::uint64_t cause : record.causes)
            CHECK(known.contains(cause));
        with_causes += record.causes.empty() ? 0 : 1;
        known.insert(record.number);
    }
    CHECK(with_causes > 20);
}

TEST_CASE("a verdict's causes lead to the probe that made it, and to the one that began it") {
    Bench box(story());
    box.settle();
    box.null_routes = {{provider, web}};
    box.run(2s);
    const auto records = box.records();
    const auto verdicts = rows<decision::VerdictChanged>(box);
    const auto dead = std::ranges::find_if(verdicts, [](const auto& row) {
        return row.second.to == Verdict::nullrouted && row.second.block.family == Family::ipv4;
    });
    REQUIRE(dead != verdicts.end());
    REQUIRE(dead->first.causes.size() == 2);
    for (const std::uint64_t cause : dead->first.causes) {
        const auto found = std::ranges::find(records, cause, &Record::number);
        REQUIRE(found != records.end());
        const auto* evidence = std::get_if<decision::Evidence>(&found->body);
        REQUIRE(evidence != nullptr);
        const bool is_observation = std::holds_alternative<decision::ProbeOutcome>(*evidence) ||
                                    std::holds_alternative<decision::Counters>(*evidence);
        CHECK(is_observation);
    }
}

TEST_CASE("an operator's move is answered, and the answer names its row") {
    Bench box(story());
    box.settle();
    box.give(command(42, decision::OperatorMove{mail, partner}));
    const auto* answer = box.answer(42);
    REQUIRE(answer != nullptr);
    CHECK(answer->verdict == controller::CommandAnswer::Verdict::accepted);
    const auto records = box.records();
    const auto row = std::ranges::find(records, answer->record, &Record::number);
    REQUIRE(row != records.end());
    CHECK(std::get<controller::Command>(row->body).actor == "alice");
    CHECK(box.run_until([&] { return !box.has(provider4, "198.51.100.0/24"); }, 30s));
    CHECK(box.has(partner4, "198.51.100.0/24"));
}

TEST_CASE("a move that may not be is refused with what is missing") {
    Bench box(story());
    box.settle();
    box.give(controller::UplinkLink{partner, decision::Presence::down});
    box.give(command(7, decision::OperatorMove{mail, partner}));
    const auto* answer = box.answer(7);
    REQUIRE(answer != nullptr);
    CHECK(answer->verdict == controller::CommandAnswer::Verdict::refused);
    CHECK(answer->why.missing == "its link is down");
    CHECK_FALSE(rows<decision::Held>(box).empty());
}

TEST_CASE("the link of the provider goes down: all sets move, although it was told late") {
    Bench box(story());
    box.settle();
    // Carrier loss is told up to a second late: until then probes are only lost.
    box.dead_paths = {provider};
    box.run(900ms);
    box.give(controller::UplinkLink{provider, decision::Presence::down});
    box.run(2s);
    for (const PrefixSetId set : {mail, web})
        CHECK(box.egress(set, Family::ipv4) == partner);
    CHECK(table(box, partner4).size() == 3);
}

TEST_CASE("a session that ends is said with its reason, and moves what it carried") {
    Bench box(story());
    box.settle();
    box.answers_calls = false;
    box.cut(provider4);
    const auto records = box.records();
    const auto ended = std::ranges::find_if(records, [](const Record& record) {
        const auto* changed = std::get_if<bgp::StateChanged>(&record.body);
        return changed && changed->from == bgp::State::established;
    });
    REQUIRE(ended != records.end());
    CHECK(std::get<bgp::StateChanged>(ended->body).error.has_value());
    CHECK(box.run_until([&] { return box.has(partner4, "198.51.100.0/24"); }, 2s));
    CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::session_down);
    // The other session of the provider carries IPv6 as before.
    CHECK(box.has(provider6, "2001:db8:77::/48"));
    CHECK_FALSE(box.has(partner4, "2001:db8:77::/48"));
}

TEST_CASE("one missing answer of the data plane is none, the second is lost telemetry") {
    Bench box(story());
    box.settle();
    const auto lost = [&] {
        return box.verdict(provider, mail, Family::ipv4) == Verdict::dataplane_down;
    };
    box.answers_counters = false;
    box.give(controller::CountersRead{});
    CHECK_FALSE(lost());
    box.give(controller::CountersRead{});
    CHECK(lost());
    CHECK(box.box().view(box.now).telemetry == decision::Telemetry::lost);
    box.answers_counters = true;
    box.run(5s);
    CHECK(box.verdict(provider, mail, Family::ipv4) == Verdict::healthy);
    CHECK(rows<decision::MoveStepped>(box).empty());
}

TEST_CASE("counters are read closely while something is suspected, and idly again after it") {
    Bench box(story());
    box.settle();
    box.said.clear();
    box.null_routes = {{provider, web}};
    box.run(10s);
    const auto reads = box.all<controller::ReadCounters>();
    REQUIRE(reads.size() >= 2);
    CHECK(reads.front().every == 50ms);
    CHECK(reads.back().every == 1s);
}

TEST_CASE("a probe that could not be sent is a lost one") {
    Bench box(story());
    box.settle();
    box.said.clear();
    REQUIRE(box.run_until([&] { return !box.all<controller::SendProbe>().empty(); }, 1s));
    const auto probe = box.all<controller::SendProbe>().front().probe.probe;
    box.said.clear();
    box.give(controller::ProbeNotSent{probe});
    const auto records = box.records();
    REQUIRE_FALSE(records.empty());
    const auto* evidence = std::get_if<decision::Evidence>(&records.front().body);
    REQUIRE(evidence != nullptr);
    CHECK(std::get<decision::ProbeOutcome>(*evidence).result == decision::Result::lost);
}

TEST_CASE("a reply by an interface that is no uplink, or a strange one, is no evidence") {
    Bench box(story());
    box.settle();
    const auto before = box.records().size();
    const std::vector<std::uint8_t> noise(64, 0);
    const Address host = *Address::parse("192.0.2.129");
    const Address us = *Address::parse("192.0.2.2");
    box.give(controller::ProbeReply{detour::probe::Kind::icmp, std::nullopt, host, us, noise});
    box.give(controller::ProbeReply{detour::probe::Kind::icmp, provider, host, us, noise});
    CHECK(box.records().size() == before);
}

TEST_CASE("stopping saves the state and ends every session with Cease") {
    Bench box(story());
    box.settle();
    box.said.clear();
    box.give(controller::Stop{});
    CHECK(box.all<controller::Persist>().size() == 1);
    for (const Address& neighbour : {provider4, provider6, partner4}) {
        const auto& farewell = box.neighbours.at(neighbour).farewell();
        REQUIRE(farewell.has_value());
        CHECK(farewell->code == bgp::ErrorCode::cease);
    }
    CHECK(rows<decision::MoveStepped>(box).empty());
}

TEST_CASE("killed after a move, the next one announces where the block is and nowhere else") {
    Bench box(story());
    box.settle();
    box.null_routes = {{provider, web}};
    box.run(8s);
    REQUIRE(box.egress(web, Family::ipv4) == partner);
    box.kill(3s);
    box.said.clear();
    box.start();
    // The first forwarding that the kernel is told is the placement of before.
    const auto forwards = box.all<controller::Forward>();
    REQUIRE_FALSE(forwards.empty());
    CHECK(forwards.back().egress.at({web, Family::ipv4}) == partner);
    CHECK(forwards.back().egress.at({mail, Family::ipv4}) == provider);
    bool was_home = false;
    const bool is_there = box.run_until(
        [&] {
            was_home |= box.has(provider4, "203.0.113.0/24");
            return box.has(partner4, "203.0.113.0/24");
        },
        20s);
    CHECK(is_there);
    box.run(10s);
    CHECK_FALSE(was_home);
    CHECK_FALSE(box.has(provider4, "203.0.113.0/24"));
    const auto first = std::get<controller::Started>(box.records().front().body);
    CHECK(first.has_state);
    CHECK(first.state_age == 3s);
}

TEST_CASE("killed between announcing and withdrawing, the move is finished") {
    Bench box(story("", "withdraw-gate: 4s"));
    box.settle();
    box.null_routes = {{provider, web}};
    // Both families: one that had not moved would be UNSEEN after the restart.
    REQUIRE(box.run_until(
        [&] {
            return box.has(partner4, "203.0.113.0/24") && box.has(partner4, "2001:db8:77::/48");
        },
        5s));
    REQUIRE(box.has(provider4, "203.0.113.0/24"));
    box.kill(1s);
    box.start();
    CHECK(box.run_until(
        [&] {
            return box.has(partner4, "203.0.113.0/24") && box.has(provider4, "198.51.100.0/24") &&
                   !box.has(provider4, "203.0.113.0/24");
        },
        20s));
    box.run(30s);
    CHECK(table(box, provider4) == std::vector<std::string>{"198.51.100.0/24"});
    CHECK(table(box, partner4) == std::vector<std::string>{"203.0.113.0/24", "2001:db8:77::/48"});
    CHECK(box.egress(web, Family::ipv4) == partner);
}

TEST_CASE("the same seed and the same inputs give the same records") {
    const auto play = [] {
        Bench box(story());
        box.settle();
        box.null_routes = {{provider, web}};
        box.run(5s);
        std::vector<std::pair<std::uint64_t, Instant>> rows;
        for (const Record& record : box.records())
            rows.emplace_back(record.number, record.at);
        return rows;
    };
    CHECK(play() == play());
}

TEST_CASE("next_deadline is never in the past for longer than one Tick") {
    Bench box(story());
    box.settle();
    for (int i = 0; i < 200; ++i) {
        box.run(37ms);
        const auto due = box.box().next_deadline();
        REQUIRE(due.has_value());
        CHECK(*due > box.now - 1ms);
    }
}
