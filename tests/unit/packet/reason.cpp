// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/reason.h"

#include <set>

#include "tests/unit/packet/builder.h"

using namespace detour::packet;

TEST_CASE("every reason has a text of its own and a meaning") {
    std::set<std::string_view> texts;
    for (std::size_t i = 0; i < drop_count; ++i) {
        CHECK(texts.insert(to_string(static_cast<Drop>(i))).second);
        CHECK_FALSE(meaning(static_cast<Drop>(i)).empty());
    }
    texts.clear();
    for (std::size_t i = 0; i < punt_count; ++i) {
        CHECK(texts.insert(to_string(static_cast<Punt>(i))).second);
        CHECK_FALSE(meaning(static_cast<Punt>(i)).empty());
    }
    CHECK(to_string(Drop::gre_unknown_tunnel) == "gre-unknown-tunnel");
    CHECK(to_string(Punt::control) == "control");
}

TEST_CASE("a finding is ok, a drop or a punt, and keeps its reason") {
    CHECK(Finding().is_ok());
    CHECK_FALSE(Finding().is_drop());
    CHECK_FALSE(Finding().is_punt());
    for (std::size_t i = 0; i < drop_count; ++i) {
        const Finding finding = static_cast<Drop>(i);
        CHECK(finding.is_drop());
        CHECK_FALSE(finding.is_punt());
        CHECK_FALSE(finding.is_ok());
        CHECK(finding.drop() == static_cast<Drop>(i));
    }
    for (std::size_t i = 0; i < punt_count; ++i) {
        const Finding finding = static_cast<Punt>(i);
        CHECK(finding.is_punt());
        CHECK_FALSE(finding.is_drop());
        CHECK_FALSE(finding.is_ok());
        CHECK(finding.punt() == static_cast<Punt>(i));
    }
}
