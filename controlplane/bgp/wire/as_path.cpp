// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/as_path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace detour::bgp {

namespace {

std::string to_text(const AsSegment& segment) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(segment.numbers.size());
    for (const AsNumber asn : segment.numbers)
        numbers.push_back(asn.value);
    const std::string text = fmt::format("{}", fmt::join(numbers, " "));
    return segment.kind == AsSegment::Kind::set ? "{" + text + "}" : text;
}

}  // namespace

AsPath AsPath::repeated(AsNumber asn, std::size_t count) {
    if (count == 0)
        return {};
    return {{{AsSegment::Kind::sequence, std::vector<AsNumber>(count, asn)}}};
}

std::size_t AsPath::length() const {
    std::size_t length = 0;
    for (const AsSegment& segment : segments)
        length += segment.kind == AsSegment::Kind::set ? 1 : segment.numbers.size();
    return length;
}

bool AsPath::contains(AsNumber asn) const {
    return std::ranges::any_of(segments, [&](const AsSegment& segment) {
        return std::ranges::find(segment.numbers, asn) != segment.numbers.end();
    });
}

std::optional<AsNumber> AsPath::first() const {
    if (segments.empty() || segments.front().kind != AsSegment::Kind::sequence)
        return std::nullopt;
    return segments.front().numbers.front();
}

std::optional<AsNumber> AsPath::origin() const {
    if (segments.empty() || segments.back().kind != AsSegment::Kind::sequence)
        return std::nullopt;
    return segments.back().numbers.back();
}

std::string AsPath::to_string() const {
    std::vector<std::string> texts;
    texts.reserve(segments.size());
    for (const AsSegment& segment : segments)
        texts.push_back(to_text(segment));
    return fmt::format("{}", fmt::join(texts, " "));
}

}  // namespace detour::bgp
