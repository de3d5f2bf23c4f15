// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/prefix_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace detour {
namespace {

std::unexpected<ParseError> refuse(std::string message, std::size_t offset) {
    return std::unexpected(ParseError{std::move(message), offset});
}

// The words of a text, each with its place.
struct Words {
    std::string_view text;
    std::size_t at = 0;

    // Empty at the end.
    std::string_view next() {
        at = std::min(text.find_first_not_of(' ', at), text.size());
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string_view word = text.substr(at, end - at);
        at = end;
        return word;
    }
    [[nodiscard]] std::size_t begin_of(std::string_view word) const { return at - word.size(); }
};

std::optional<std::uint8_t> length_of(std::string_view text, std::uint8_t low, std::uint8_t high) {
    std::uint8_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    return is_number && value >= low && value <= high ? std::optional(value) : std::nullopt;
}

}  // namespace

std::expected<PrefixRange, ParseError> PrefixRange::parse(std::string_view text) {
    Words words{text};
    const std::string_view first = words.next();
    const auto prefix = Prefix::parse(first);
    if (!prefix)
        return refuse(prefix.error().message, words.begin_of(first) + prefix.error().offset);
    const std::uint8_t most = bit_count(prefix->family());
    std::optional<std::uint8_t> least_wanted;
    std::optional<std::uint8_t> most_wanted;
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
        const std::size_t place = words.begin_of(word);
        auto* wanted = word == "ge" ? &least_wanted : word == "le" ? &most_wanted : nullptr;
        if (wanted == nullptr || *wanted)
            return refuse("behind a prefix stands ge LENGTH, le LENGTH or both", place);
        const std::uint8_t low = least_wanted.value_or(prefix->length());
        const std::string_view number = words.next();
        *wanted = length_of(number, low, most);
        if (!*wanted)
            return refuse(fmt::format("a length from {} to {} is wanted", low, most),
                          words.begin_of(number));
        if (least_wanted && most_wanted && *least_wanted > *most_wanted)
            return refuse("ge is longer than le: nothing is meant", place);
    }
    const std::uint8_t shortest = least_wanted.value_or(prefix->length());
    return PrefixRange{*prefix, shortest,
                       most_wanted.value_or(least_wanted ? most : prefix->length())};
}

std::string PrefixRange::to_string() const {
    std::string text = prefix.to_string();
    if (shortest == prefix.length() && longest == prefix.length())
        return text;
    if (shortest != prefix.length())
        text += fmt::format(" ge {}", shortest);
    if (shortest == prefix.length() || longest != bit_count(prefix.family()))
        text += fmt::format(" le {}", longest);
    return text;
}

}  // namespace detour
