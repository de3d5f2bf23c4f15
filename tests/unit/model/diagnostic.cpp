// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/diagnostic.h"

#include <doctest/doctest.h>

using namespace detour::model;

TEST_CASE("a diagnostic is a headline, its line and a caret") {
    const Diagnostic diagnostic{Severity::error,     "a.yaml",     {3, 7}, "router.asn",
                                "missing; give one", "  name: box"};
    CHECK(to_string(Diagnostics{diagnostic}) ==
          "a.yaml:3:7: error: router.asn: missing; give one\n"
          "      name: box\n"
          "          ^\n");
}

TEST_CASE("the caret stands under the column behind tabs and characters of several bytes") {
    CHECK(excerpt({Severity::error, "", {1, 3}, "", "", "\t\xc3\xa4x"}) ==
          "    \t\xc3\xa4x\n    \t ^\n");
    CHECK(excerpt({Severity::error, "", {1, 4}, "", "", "\t\xc3\xa4x"}) ==
          "    \t\xc3\xa4x\n    \t ^\n");
    CHECK(excerpt({Severity::error, "", {1, 99}, "", "", "ab"}) == "    ab\n      ^\n");
    CHECK(excerpt({Severity::error, "", {1, 1}, "", "", ""}).empty());
}

TEST_CASE("warnings alone are no errors") {
    Diagnostic diagnostic;
    diagnostic.severity = Severity::warning;
    CHECK_FALSE(has_errors({diagnostic}));
    diagnostic.severity = Severity::error;
    CHECK(has_errors({diagnostic}));
    CHECK_FALSE(has_errors({}));
}
