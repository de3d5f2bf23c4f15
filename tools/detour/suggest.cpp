// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace detour::command {

// The optimal string alignment distance, row by row.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> before(right.size() + 1);
    std::vector<std::size_t> above(right.size() + 1);
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t j = 0; j <= right.size(); ++j)
        above[j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t cost = left[i - 1] == right[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + cost});
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[right.size()];
}

std::vector<std::string> near(std::string_view word, std::span<const std::string> names) {
    constexpr std::size_t farthest = 2;
    std::vector<std::pair<std::size_t, std::string>> found;
    for (const std::string& name : names) {
        const std::size_t away = distance(word, name);
        if (away <= farthest && 2 * away < word.size() + 1)
            found.emplace_back(away, name);
    }
    std::ranges::stable_sort(found, {}, &std::pair<std::size_t, std::string>::first);
    std::vector<std::string> result;
    for (auto& [away, name] : found)
        if (away == found.front().first)
            result.push_back(std::move(name));
    return result;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> names) {
    const auto found = near(word, names);
    return found.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(found, " or "));
}

std::expected<const Verb*, std::string> resolve(std::string_view word,
                                                std::span<const Verb> table) {
    std::vector<const Verb*> longer;
    std::vector<std::string> names;
    for (const Verb& verb : table) {
        if (verb.name == word && verb.is_offered())
            return &verb;
        if (verb.name == word)
            return std::unexpected(
                fmt::format("{} is not offered yet: this release cannot do it", word));
        if (!verb.is_offered())
            continue;
        names.emplace_back(verb.name);
        if (verb.name.starts_with(word))
            longer.push_back(&verb);
    }
    if (longer.size() > 1) {
        std::vector<std::string_view> candidates;
        for (const Verb* verb : longer)
            candidates.push_back(verb->name);
        return std::unexpected(
            fmt::format("\"{}\" could be {}", word, fmt::join(candidates, " or ")));
    }
    if (longer.size() == 1 && longer.front()->effect == Effect::changes)
        return std::unexpected(fmt::format("\"{}\" could be {}, which changes things: write it out",
                                           word, longer.front()->name));
    if (longer.size() == 1)
        return longer.front();
    return std::unexpected(
        fmt::format("there is no verb \"{}\"{}", word, did_you_mean(word, names)));
}

}  // namespace detour::command
