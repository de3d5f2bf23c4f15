// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/notification.h"

#include <doctest/doctest.h>

#include <string>

using detour::supervise::Notification;
using detour::supervise::parse_notification;

TEST_CASE("a notification is lines of KEY=VALUE, the last of each counts, others are read over") {
    const Notification all = parse_notification(
        "READY=1\nMAINPID=17\nSTATUS=one = two\n\nno line\nFDSTORE=1\nFDNAME=twin-wan0\nFDPOLL=0");
    CHECK(all.is_ready);
    CHECK_FALSE(all.is_stopping);
    CHECK(all.status == "one = two");
    CHECK(all.wants_store);
    CHECK_FALSE(all.wants_remove);
    CHECK(all.name == "twin-wan0");

    CHECK(parse_notification("STOPPING=1\n").is_stopping);
    CHECK(parse_notification("FDSTOREREMOVE=1").wants_remove);
    CHECK_FALSE(parse_notification("READY=0").is_ready);
    CHECK_FALSE(parse_notification("").is_ready);
    CHECK(parse_notification("STATUS=").status == "");
}

TEST_CASE("a name that could not stand in LISTEN_FDNAMES is not taken") {
    for (const std::string& name : {std::string("a:b"), std::string(""), std::string(256, 'x'),
                                    std::string("tab\t"), std::string("\xc3\xa4")}) {
        CAPTURE(name);
        CHECK(parse_notification("FDSTORE=1\nFDNAME=" + name).name == "stored");
    }
}
