// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/diff.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/model/example.h"

using namespace detour;
using namespace detour::model;

namespace {

Difference change(const Replacements& replacements) {
    return diff(example("two-provider"), example("two-provider", replacements));
}

std::string one_line(const Change& change) {
    switch (change.kind) {
        case Change::Kind::added:
            return "+ " + change.path + " " + change.after;
        case Change::Kind::removed:
            return "- " + change.path + " " + change.before;
        case Change::Kind::changed:
            return change.path + " " + change.before + " -> " + change.after;
    }
    return "?";
}

Address address(const char* text) {
    return *Address::parse(text);
}

}  // namespace

TEST_CASE("a configuration does not differ from itself, nor by what says the same") {
    CHECK(change({}).is_empty());
    // A comment, another order of keys, and a default that is written out.
    CHECK(change({{"policy: {fail-back: manual}", "policy: {fail-back: manual}  # as agreed"}})
              .is_empty());
    CHECK(change({{"asn: 64497, hold: 30s", "hold: 30s, asn: 64497"}}).is_empty());
    CHECK(change({{"max-prefixes: 1000", "max-prefixes: 1000\n      hold: 90s"}}).is_empty());
    CHECK(change({{"    port: wan0\n",
                   "    port: wan0\n    gateway: [192.0.2.1, \"2001:db8:1::1\"]\n"}})
              .is_empty());
}

TEST_CASE("what resets no session says so") {
    struct Case {
        Replacements replacements;
        std::string line;
    };
    const std::vector<Case> cases{
        {{{"mode: auto", "mode: advise"}}, "router.mode auto -> advise"},
        {{{"profile: careful", "profile: quick"}}, "detect.profile careful -> quick"},
        {{{"max-prefixes: 1000", "max-prefixes: 2000"}},
         "uplinks.provider.bgp.max-prefixes 1000 -> 2000"},
        {{{"limit: 2Gbps", "limit: 4Gbps"}}, "uplinks.partner.limit 2Gbps -> 4Gbps"},
        {{{"fail-back: manual", "fail-back: auto"}}, "policy.fail-back manual -> auto"},
        {{{"203.0.113.254,", "203.0.113.250,"}}, "- prefix-sets.web.beacons 203.0.113.254"},
    };
    for (const Case& each : cases) {
        const Difference difference = change(each.replacements);
        REQUIRE(!difference.changes.empty());
        CHECK(one_line(difference.changes.front()) == each.line);
        CHECK(difference.sessions.empty());
        CHECK(difference.restarts.empty());
        CHECK(!difference.is_heavy());
    }
}

TEST_CASE("a change names the line of the new file") {
    const Difference difference = change({{"limit: 2Gbps", "limit: 4Gbps"}});
    REQUIRE(difference.changes.size() == 1);
    CHECK(difference.changes[0].position.line == 38);
}

TEST_CASE("what is part of a session resets it, and only it") {
    struct Case {
        Replacements replacements;
        std::string uplink;
        std::size_t count;
        std::string why;
    };
    const std::vector<Case> cases{
        {{{"hold: 30s", "hold: 60s"}}, "partner", 1, "hold 30s -> 1min"},
        {{{"asn: 64497", "asn: 64498"}}, "partner", 1, "asn 64497 -> 64498"},
        {{{"ttl-security: true", "ttl-security: false"}},
         "provider",
         2,
         "ttl-security true -> false"},
        {{{"password-file: keys/provider           #", "#"}}, "provider", 2, ""},
    };
    for (const Case& each : cases) {
        const Difference difference = change(each.replacements);
        CAPTURE(each.why);
        REQUIRE(difference.sessions.size() == each.count);
        for (const SessionChange& session : difference.sessions) {
            CHECK(session.kind == SessionChange::Kind::reset);
            CHECK(session.uplink == each.uplink);
            CHECK((each.why.empty() || session.why == each.why));
        }
        CHECK(difference.is_heavy());
    }
    // The router id stands in every OPEN.
    CHECK(change({{"id: 192.0.2.2", "id: 192.0.2.3"}}).sessions.size() == 3);
}

TEST_CASE("a peer that comes opens a session, one that goes ends it, and the others stay") {
    const Difference less = change(
        {{"peers: [192.0.2.1, \"2001:db8:1::1\"]", "peers: [192.0.2.1]"},
         {"    port: wan0\n", "    port: wan0\n    gateway: [192.0.2.1, \"2001:db8:1::1\"]\n"}});
    REQUIRE(less.sessions.size() == 1);
    CHECK(less.sessions[0] == SessionChange{SessionChange::Kind::ended, "provider",
                                            address("2001:db8:1::1"), "not configured any more"});
    CHECK(less.traffic.empty());
}

TEST_CASE("traffic that would go another way is named") {
    const Difference next_hop = change({{"next-hops: [10.1.0.2]", "next-hops: [10.1.0.3]"}});
    REQUIRE(next_hop.traffic.size() == 1);
    CHECK(next_hop.traffic[0].path == "prefix-sets.mail.next-hops");
    CHECK(next_hop.traffic[0].what ==
          "packets to mail leave on the LAN to 10.1.0.3 instead of 10.1.0.2");
    CHECK(next_hop.is_heavy());

    const Difference tunnel = change({{"key: 7", "key: 8"}});
    REQUIRE(tunnel.traffic.size() == 1);
    CHECK(tunnel.traffic[0].path == "uplinks.partner.underlay");
    CHECK(tunnel.restarts.empty());

    const Difference prefix = change({{"[198.51.100.0/24]", "[198.51.100.0/24, 192.0.0.0/24]"}});
    REQUIRE(prefix.traffic.size() == 1);
    CHECK(prefix.traffic[0].what == "192.0.0.0/24 is announced and forwarded where mail is");
    CHECK(!prefix.is_heavy());
}

TEST_CASE("what a running data plane cannot take is said before, not found out after") {
    CHECK(change({{"poll: adaptive", "poll: busy"}}).restarts ==
          std::vector<Restart>{{"dataplane.poll", "workers are set up at the start"}});
    CHECK(change({{"mtu: 9000", "mtu: 1500"}}).restarts ==
          std::vector<Restart>{{"ports.xcon0.mtu", "packet buffers are made for the largest MTU"}});
    CHECK(change({{"iface=eth2", "iface=eth3"}}).restarts.size() == 1);
    // The kernel forwards: it takes everything as it runs.
    CHECK(diff(example("kernel-container"), example("kernel-container")).restarts.empty());
}

TEST_CASE("an apply that would cut the operator's own session is recognised") {
    const Config before = example("two-provider");
    const auto verdict = [&](const ManagementSession& session, const Replacements& replacements) {
        return cuts(session, before, example("two-provider", replacements));
    };
    const ManagementSession on_lan{address("10.1.0.50"), address("10.1.0.1"), "lan0"};
    const ManagementSession beside{address("10.9.0.50"), address("10.9.0.1"), "eth3"};

    CHECK(verdict(on_lan, {}).empty());
    CHECK(verdict(on_lan, {{"limit: 2Gbps", "limit: 4Gbps"}}).empty());
    CHECK(verdict(on_lan, {{"10.1.0.1/24", "10.1.0.9/24"}}) ==
          "your session is on 10.1.0.1, which port lan0 would lose");
    CHECK(verdict(on_lan, {{"0000:af:00.1", "0000:af:00.2"}}) ==
          "your session is on port lan0, whose device would change");
    CHECK(verdict(beside, {{"10.1.0.1/24", "10.1.0.9/24"}}).empty());
    CHECK(verdict(beside, {{"iface=eth2", "iface=eth3"}}) ==
          "eth3 carries your session and would become a port of the data plane");
    const ManagementSession from_block{address("192.0.0.9"), address("10.9.0.1"), "eth3"};
    CHECK(verdict(from_block, {{"[198.51.100.0/24]", "[198.51.100.0/24, 192.0.0.0/24]"}}) ==
          "192.0.0.9 of your session would lie in prefix set mail and be routed with it");
}
