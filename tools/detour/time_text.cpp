// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/time_text.h"

#include <array>
#include <ctime>
#include <optional>

namespace detour::command {
namespace {

struct Parsed {
    std::tm broken{};
    std::string fraction;  // ".120", or nothing
};

std::optional<Parsed> parse(std::string_view text, Clock clock) {
    std::tm utc{};
    const std::string copy(text);
    const char* const rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == nullptr)
        return std::nullopt;
    std::string fraction(rest);
    if (!fraction.ends_with('Z') || (fraction.size() > 1 && fraction.front() != '.'))
        return std::nullopt;
    fraction.pop_back();
    if (clock == Clock::utc)
        return Parsed{utc, fraction};
    const std::time_t seconds = ::timegm(&utc);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return Parsed{local, fraction};
}

std::string formatted(const char* format, const std::tm& time) {
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

}  // namespace

std::string time_text(std::string_view json_time, Clock clock) {
    const auto parsed = parse(json_time, clock);
    if (!parsed)
        return std::string(json_time);
    return formatted(clock == Clock::utc ? "%Y-%m-%d %H:%M:%S UTC" : "%Y-%m-%d %H:%M:%S %z",
                     parsed->broken);
}

std::string time_of_day(std::string_view json_time, Clock clock) {
    const auto parsed = parse(json_time, clock);
    if (!parsed)
        return std::string(json_time);
    return formatted("%H:%M:%S", parsed->broken) + parsed->fraction;
}

}  // namespace detour::command
