// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/terminal.h"

#include <doctest/doctest.h>

#include "tools/detour/time_text.h"
#include "tools/detour/watch.h"

namespace detour::command {

TEST_CASE("width counts what shows: no codes of styles, one for each code point") {
    CHECK(width("abc") == 3);
    CHECK(width("\033[1;31mabc\033[0m") == 3);
    CHECK(width("M\xC3\xBCnster") == 7);
    CHECK(width("") == 0);
}

TEST_CASE("what is cut has the width, and ends its style") {
    CHECK(cut("abcdef", 4) == "abcd");
    CHECK(cut("abcd", 4) == "abcd");
    CHECK(cut("\033[1mabcdef\033[0m", 4) == "\033[1mabcd\033[0m");
    CHECK(cut("\033[1mabcd\033[0m", 4) == "\033[1mabcd\033[0m");
    CHECK(cut("\xC3\xBC\xC3\xBC", 1) == "\xC3\xBC");
    CHECK(cut("abc", 0).empty());
}

TEST_CASE("padding counts what shows") {
    CHECK(padded("\033[1mab\033[0m", 4) == "\033[1mab\033[0m  ");
    CHECK(padded("abcdef", 4) == "abcdef");
}

TEST_CASE("a long line is broken between words, and goes on below where it began") {
    CHECK(wrapped("one two three", 80, 2) == "one two three");
    CHECK(wrapped("  one two three", 9, 4) == "  one two\n    three");
    CHECK(wrapped("one incomprehensibilities two", 10, 2) == "one\n  incomprehensibilities\n  two");
    CHECK(wrapped("incomprehensibilities", 10, 2) == "incomprehensibilities");
    CHECK(wrapped("M\xC3\xBCnster am See", 10, 0) == "M\xC3\xBCnster am\nSee");
    CHECK(wrapped("", 10, 2).empty());
}

TEST_CASE("a frame is drawn from the corner, ends each line's rest, and erases what is below") {
    CHECK(frame("one\ntwo\n", {80, 24}) == "\033[Hone\033[K\r\ntwo\033[K\r\n\033[J");
    CHECK(frame("one two\n", {3, 24}) == "\033[Hone\033[K\r\n\033[J");
    // One row is left for the cursor.
    CHECK(frame("1\n2\n3\n", {80, 3}) == "\033[H1\033[K\r\n2\033[K\r\n\033[J");
    CHECK(frame("", {80, 24}) == "\033[H\033[J");
}

TEST_CASE("times are written in UTC unless asked otherwise") {
    CHECK(time_text("2026-11-20T23:04:05.120Z", Clock::utc) == "2026-11-20 23:04:05 UTC");
    CHECK(time_of_day("2026-11-20T23:04:05.120Z", Clock::utc) == "23:04:05.120");
    CHECK(time_text("never", Clock::utc) == "never");
    CHECK(time_text("2026-11-20T23:04:05", Clock::utc) == "2026-11-20T23:04:05");

    ::setenv("TZ", "DTR-1", 1);  // an hour ahead of UTC
    ::tzset();
    CHECK(time_text("2026-11-20T23:04:05.120Z", Clock::local) == "2026-11-21 00:04:05 +0100");
    CHECK(time_of_day("2026-11-20T23:04:05.120Z", Clock::local) == "00:04:05.120");
    ::unsetenv("TZ");
    ::tzset();
}

}  // namespace detour::command
