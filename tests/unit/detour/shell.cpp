// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/shell.h"

#include <doctest/doctest.h>

#include "tools/detour/columns.h"

using namespace detour::command;

TEST_CASE("a program's output, complaint and exit code come back, and no shell reads its words") {
    const Ran ran = run({"sh", "-c", "echo \"$1\"; echo no >&2; exit 3", "sh", "$HOME;a b"});
    CHECK(ran.exit_code == 3);
    CHECK(ran.output == "$HOME;a b\n");
    CHECK(ran.complaint == "no\n");
    CHECK(!ran.is_ok());
}

TEST_CASE("a program that is not there is no surprise") {
    CHECK(run({"there-is-no-such-program"}).exit_code == 127);
    CHECK(run({"/there/is/none"}).exit_code == 127);
}

TEST_CASE("a program that takes too long or says too much is ended") {
    const Ran slow = run({"sleep", "60"}, {.time = std::chrono::milliseconds(50), .bytes = 1000});
    CHECK(slow.is_cut);
    CHECK(slow.exit_code == 128 + 9);
    const Ran loud = run({"yes"}, {.time = std::chrono::seconds(20), .bytes = 1000});
    CHECK(loud.is_cut);
    CHECK(!loud.is_ok());
}

TEST_CASE("counts are grouped for eyes") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1 000");
    CHECK(grouped(1234567) == "1 234 567");
    CHECK(bytes_text(999) == "999 B");
    CHECK(bytes_text(1500) == "1.5 kB");
    CHECK(bytes_text(2'500'000'000) == "2.5 GB");
}
