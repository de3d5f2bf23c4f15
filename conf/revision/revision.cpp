// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/revision/revision.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace detour::revision {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

constexpr std::array kinds{Kind::start, Kind::reload, Kind::apply, Kind::rollback};

// A reason is one line, whatever was typed.
std::string one_line(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

Fields fields_of(std::string_view text) {
    Fields fields;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (const auto colon = line.find(": "); colon != line.npos)
            fields.emplace(line.substr(0, colon), line.substr(colon + 2));
    }
    return fields;
}

std::string text_field(const Fields& fields, std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
}

template <class Integer>
std::optional<Integer> number_field(const Fields& fields, std::string_view name) {
    const std::string text = text_field(fields, name);
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<WallTime> time_field(const Fields& fields, std::string_view name) {
    const auto count = number_field<std::int64_t>(fields, name);
    return count ? std::optional(WallTime(Duration(*count))) : std::nullopt;
}

std::int64_t count(WallTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

std::string_view to_string(Kind kind) {
    switch (kind) {
        case Kind::start:
            return "start";
        case Kind::reload:
            return "reload";
        case Kind::apply:
            return "apply";
        case Kind::rollback:
            return "rollback";
    }
    return "?";
}

std::string digest(std::string_view text) {
    std::uint64_t value = 14695981039346656037U;
    for (const char octet : text)
        value = (value ^ static_cast<std::uint8_t>(octet)) * 1099511628211U;
    return fmt::format("{:016x}", value);
}

std::string to_text(const Revision& revision) {
    std::string text =
        fmt::format("number: {}\nat: {}\nkind: {}\nactor: {}\nreason: {}\ndigest: {}\n",
                    revision.number, count(revision.at), to_string(revision.kind),
                    one_line(revision.actor), one_line(revision.reason), revision.digest);
    if (revision.of)
        text += fmt::format("of: {}\n", *revision.of);
    return text;
}

std::optional<Revision> parse_revision(std::string_view text) {
    const Fields fields = fields_of(text);
    const auto number = number_field<Number>(fields, "number");
    const auto at = time_field(fields, "at");
    const auto kind = std::ranges::find(kinds, text_field(fields, "kind"),
                                        [](Kind each) { return std::string(to_string(each)); });
    if (!number || *number == 0 || !at || kind == kinds.end())
        return std::nullopt;
    return Revision{*number,
                    *at,
                    *kind,
                    text_field(fields, "actor"),
                    text_field(fields, "reason"),
                    text_field(fields, "digest"),
                    number_field<Number>(fields, "of")};
}

std::string to_text(const Standing& standing) {
    std::string text = fmt::format("current: {}\n", standing.current);
    if (standing.previous)
        text += fmt::format("previous: {}\n", *standing.previous);
    if (standing.trial)
        text += fmt::format("trial-until: {}\ntrial-boot: {}\n", count(standing.trial->until),
                            standing.trial->boot);
    if (!standing.set_aside.empty())
        text += fmt::format("set-aside: {}\n", standing.set_aside);
    return text;
}

std::optional<Standing> parse_standing(std::string_view text) {
    const Fields fields = fields_of(text);
    const auto current = number_field<Number>(fields, "current");
    if (!current)
        return std::nullopt;
    Standing standing;
    standing.current = *current;
    standing.previous = number_field<Number>(fields, "previous");
    if (const auto until = time_field(fields, "trial-until"))
        standing.trial = Trial{*until, text_field(fields, "trial-boot")};
    standing.set_aside = text_field(fields, "set-aside");
    return standing;
}

}  // namespace detour::revision
