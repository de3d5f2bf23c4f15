// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/policy/filter.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace detour::bgp {

namespace {

using Hop = std::span<const AsNumber>;  // one AS, or a set of them
using Step = AsPathPattern::Step;

std::vector<Hop> hops_of(const AsPath& path) {
    std::vector<Hop> hops;
    for (const AsSegment& segment : path.segments)
        if (segment.kind == AsSegment::Kind::set)
            hops.emplace_back(segment.numbers);
        else
            for (const AsNumber& number : segment.numbers)
                hops.emplace_back(&number, 1);
    return hops;
}

bool meets(const Step& step, Hop hop) {
    return step.kind == Step::Kind::any || std::ranges::find(hop, step.asn) != hop.end();
}

template <class Item>
bool share_one(const std::vector<Item>& wanted, const std::vector<Item>& given) {
    return std::ranges::any_of(
        wanted, [&](const Item& item) { return std::ranges::find(given, item) != given.end(); });
}

bool meets_path(const ImportRule& rule, const AsPath& path) {
    return rule.as_paths.empty() || std::ranges::any_of(rule.as_paths, [&](const auto& pattern) {
               return matches(pattern, path);
           });
}

bool meets_communities(const ImportRule& rule, const PathAttributes& attributes) {
    if (rule.communities.empty() && rule.large_communities.empty())
        return true;
    return share_one(rule.communities, attributes.communities) ||
           share_one(rule.large_communities, attributes.large_communities);
}

}  // namespace

// As file names are matched: a step that fails goes back to the last `*`, which takes one AS more.
bool matches(const AsPathPattern& pattern, const AsPath& path) {
    const std::vector<Hop> hops = hops_of(path);
    const auto& steps = pattern.steps;
    std::size_t step = 0;
    std::size_t hop = 0;
    std::optional<std::size_t> star;  // the step behind the last one
    std::size_t taken = 0;            // the hop up to which it reaches
    while (hop < hops.size()) {
        if (step < steps.size() && steps[step].kind == Step::Kind::any_number) {
            star = ++step;
            taken = hop;
        } else if (step < steps.size() && meets(steps[step], hops[hop])) {
            ++step;
            ++hop;
        } else if (star) {
            step = *star;
            hop = ++taken;
        } else {
            return false;
        }
    }
    return std::all_of(steps.begin() + static_cast<std::ptrdiff_t>(step), steps.end(),
                       [](const Step& rest) { return rest.kind == Step::Kind::any_number; });
}

PrefixList::PrefixList(std::vector<PrefixRange> ranges) : ranges_(std::move(ranges)) {
    std::ranges::sort(ranges_, {}, &PrefixRange::prefix);
    for (const PrefixRange& range : ranges_)
        lengths_[static_cast<std::size_t>(range.prefix.family())].set(range.prefix.length());
}

bool PrefixList::contains(const Prefix& prefix) const {
    const auto& lengths = lengths_[static_cast<std::size_t>(prefix.family())];
    for (unsigned length = 0; length <= prefix.length(); ++length) {
        if (!lengths.test(length))
            continue;
        const Prefix covering(prefix.address(), static_cast<std::uint8_t>(length));
        const auto found = std::ranges::equal_range(ranges_, covering, {}, &PrefixRange::prefix);
        if (std::ranges::any_of(found, [&](const auto& range) { return range.contains(prefix); }))
            return true;
    }
    return false;
}

ImportFilter::ImportFilter(const std::vector<ImportRule>& rules) {
    rules_.reserve(rules.size());
    for (const ImportRule& rule : rules)
        rules_.push_back({rule, PrefixList(rule.prefixes)});
}

ImportFilter::Chosen ImportFilter::choose(const PathAttributes& attributes) const {
    Chosen chosen;
    for (std::size_t i = 0; i < rules_.size(); ++i)
        if (const ImportRule& rule = rules_[i].rule;
            meets_path(rule, attributes.as_path) && meets_communities(rule, attributes))
            chosen.push_back(static_cast<RuleNumber>(i + 1));
    return chosen;
}

ImportFilter::Judgement ImportFilter::judge(const Chosen& chosen, const Prefix& prefix) const {
    for (const RuleNumber number : chosen) {
        const Rule& rule = rules_[number - 1U];
        if (rule.rule.prefixes.empty() || rule.prefixes.contains(prefix))
            return {rule.rule.verdict, number};
    }
    return {};
}

}  // namespace detour::bgp
