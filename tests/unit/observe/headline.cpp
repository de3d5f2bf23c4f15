// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/headline.h"

#include <doctest/doctest.h>

using namespace detour::observe;
using nlohmann::json;

namespace {

Record row(std::string kind, json payload) {
    Record record;
    record.kind = std::move(kind);
    record.subject.uplink = "provider";
    record.payload = std::move(payload);
    return record;
}

}  // namespace

TEST_CASE("a row of the journal is a line that a person reads") {
    auto session = row("session", {{"from", "OpenConfirm"}, {"state", "Established"}});
    session.subject.peer = "192.0.2.1";
    CHECK(headline(session) == "BGP provider 192.0.2.1: Established (was OpenConfirm)");
    session.payload = {{"from", "Established"},
                       {"state", "Idle"},
                       {"reason", "notification received"},
                       {"text", "Cease: Administrative Shutdown"}};
    CHECK(headline(session) ==
          "BGP provider 192.0.2.1: Idle (was Established), notification "
          "received: Cease: Administrative Shutdown");

    json answered{{"class", "beacon"},  {"kind", "icmp"},        {"target", "192.0.2.145"},
                  {"result", "ok"},     {"arrival", "provider"}, {"rtt_ms", 0.679688},
                  {"full_size", false}, {"beacon", 2},           {"pair", 70}};
    CHECK(headline(row("probe", answered)) ==
          "probe beacon icmp by provider to 192.0.2.145: ok in 0.68 ms");
    answered["arrival"] = "partner";
    CHECK(headline(row("probe", answered)) ==
          "probe beacon icmp by provider to 192.0.2.145: ok in 0.68 ms, back by partner");
    CHECK(headline(row("probe", {{"class", "tunnel"}, {"kind", "tcp"}, {"result", "lost"}})) ==
          "probe tunnel tcp by provider: lost");

    CHECK(headline(row("configuration", {{"how", "apply"},
                                         {"revision", 11},
                                         {"by", "anna"},
                                         {"reason", "for a moment"},
                                         {"changes", {"router.mode: auto -> advise"}}})) ==
          "apply of revision 11 by anna (for a moment): router.mode: auto -> advise");
    CHECK(headline(row("configuration", {{"how", "reload"},
                                         {"revision", 11},
                                         {"by", "anna"},
                                         {"reason", ""},
                                         {"changes", json::array()}})) ==
          "reload of revision 11 by anna: nothing changes");
    CHECK(headline(row("remark", {{"text", "2 routes refused"}})) ==
          "BGP provider: 2 routes refused");
    CHECK(headline(row("link", {{"state", "down"}})) == "link provider state=down");
}
