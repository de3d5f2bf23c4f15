// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/wall_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace detour {
namespace {

using namespace std::chrono;

std::unexpected<ParseError> refuse(std::size_t offset, std::string message) {
    return std::unexpected(ParseError{std::move(message), offset});
}

// Exactly `count` digits at the start of `text`, which are taken away.
std::optional<unsigned> take_number(std::string_view& text, std::size_t count) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::string_view digits = text.substr(0, count);
    if (digits.size() < count || !std::ranges::all_of(digits, is_digit))
        return std::nullopt;
    unsigned number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    text.remove_prefix(count);
    return number;
}

bool take(std::string_view& text, std::string_view characters) {
    if (text.empty() || characters.find(text.front()) == characters.npos)
        return false;
    text.remove_prefix(1);
    return true;
}

std::optional<sys_days> take_date(std::string_view& text) {
    const auto y = take_number(text, 4);
    if (!y || !take(text, "-"))
        return std::nullopt;
    const auto m = take_number(text, 2);
    if (!m || !take(text, "-"))
        return std::nullopt;
    const auto d = take_number(text, 2);
    if (!d)
        return std::nullopt;
    const year_month_day date(year(static_cast<int>(*y)), month(*m), day(*d));
    // Nanoseconds in 64 bits end in 2262.
    const bool is_ok = date.ok() && *y >= 1970 && *y <= 2200;
    return is_ok ? std::optional(sys_days(date)) : std::nullopt;
}

std::optional<minutes> take_clock(std::string_view& text) {
    const auto hour = take_number(text, 2);
    if (!hour || *hour > 23 || !take(text, ":"))
        return std::nullopt;
    const auto minute = take_number(text, 2);
    return minute && *minute < 60 ? std::optional(hours(*hour) + minutes(*minute)) : std::nullopt;
}

// East of Greenwich.
std::optional<minutes> take_zone(std::string_view& text) {
    if (take(text, "Zz"))
        return minutes(0);
    const bool is_west = text.starts_with('-');
    if (!take(text, "+-"))
        return std::nullopt;
    const auto offset = take_clock(text);
    return offset ? std::optional(is_west ? -*offset : *offset) : std::nullopt;
}

}  // namespace

std::expected<WallTime, ParseError> parse_wall_time(std::string_view text) {
    std::string_view rest = text;
    const auto here = [&] { return text.size() - rest.size(); };
    const auto date = take_date(rest);
    if (!date)
        return refuse(0, "a point in time is written like 2026-11-22T06:00Z");
    if (!take(rest, "Tt "))
        return refuse(here(), "the time of day is missing: 2026-11-22T06:00Z");
    const auto clock = take_clock(rest);
    if (!clock)
        return refuse(here(), "the time of day is written HH:MM, from 00:00 to 23:59");
    unsigned second = 0;
    if (take(rest, ":")) {
        const auto given = take_number(rest, 2);
        if (!given || *given > 59)
            return refuse(here(), "seconds are two digits, from 00 to 59");
        second = *given;
    }
    const auto zone = take_zone(rest);
    if (!zone || !rest.empty())
        return refuse(here(), "say in which zone: Z behind it for UTC, or +01:00");
    return WallTime(*date) + *clock + seconds(second) - *zone;
}

std::string to_string(WallTime time) {
    const auto whole = floor<seconds>(time);
    const auto midnight = floor<days>(whole);
    const year_month_day date(midnight);
    const hh_mm_ss clock(whole - midnight);
    const auto second = clock.seconds().count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}{}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(),
                       second == 0 ? "" : fmt::format(":{:02}", second));
}

}  // namespace detour
