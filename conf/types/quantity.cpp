// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace detour {
namespace {

std::string unit_names(std::span<const Unit> choices) {
    std::string names;
    for (const Unit& unit : choices)
        names += fmt::format("{}{}", names.empty() ? "" : ", ", unit.name);
    return names;
}

}  // namespace

std::expected<std::int64_t, ParseError> parse_quantity(std::string_view text,
                                                       std::span<const Unit> choices) {
    const std::size_t digits_end = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string_view number = text.substr(0, digits_end);
    const std::string_view suffix = text.substr(digits_end);
    if (number.empty() || number.front() == '.' || number.back() == '.')
        return std::unexpected(
            ParseError{fmt::format("a number with a unit ({}) is wanted", unit_names(choices)), 0});
    if (suffix.empty())
        return std::unexpected(ParseError{
            fmt::format("the unit is missing: one of {}", unit_names(choices)), digits_end});
    const Unit* unit = nullptr;
    for (const Unit& choice : choices)
        if (choice.name == suffix)
            unit = &choice;
    if (unit == nullptr)
        return std::unexpected(
            ParseError{fmt::format("unknown unit \"{}\": one of {}", suffix, unit_names(choices)),
                       digits_end});

    // Digit by digit in the base unit: exact, and no floating point.
    const auto too_large = [] { return std::unexpected(ParseError{"the number is too large", 0}); };
    std::int64_t value = 0;
    std::int64_t place = unit->factor;
    bool is_fraction = false;
    for (std::size_t i = 0; i < number.size(); ++i) {
        if (number[i] == '.') {
            if (is_fraction)
                return std::unexpected(ParseError{"a second decimal point", i});
            is_fraction = true;
            continue;
        }
        const std::int64_t digit = number[i] - '0';
        std::int64_t term = 0;
        if (!is_fraction) {
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_mul_overflow(digit, unit->factor, &term) ||
                __builtin_add_overflow(value, term, &value))
                return too_large();
            continue;
        }
        if (place % 10 != 0) {
            if (digit != 0)
                return std::unexpected(ParseError{"finer than the smallest unit", i});
            continue;
        }
        place /= 10;
        if (__builtin_add_overflow(value, digit * place, &value))
            return too_large();
    }
    return value;
}

}  // namespace detour
