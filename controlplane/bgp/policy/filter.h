// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What our operator wants to hear of a peer, beside what nobody may believe (import.h): rules in
// order, the first that means a route decides, and a route that none means is refused. A rule's
// prefixes, paths and communities must each be met, one of each list; a list that is not given asks
// nothing.
//
// An UPDATE's attributes are asked once, its prefixes one by one:
//
//     const ImportFilter::Chosen chosen = filter.choose(attributes);
//     for (prefix) filter.judge(chosen, prefix);
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "conf/types/as_path_pattern.h"
#include "conf/types/prefix_range.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

struct ImportRule {
    enum class Verdict : std::uint8_t { accept, refuse };

    Verdict verdict = Verdict::accept;
    std::vector<PrefixRange> prefixes = {};
    std::vector<AsPathPattern> as_paths = {};
    std::vector<Community> communities = {};
    std::vector<LargeCommunity> large_communities = {};  // with the communities one list

    friend bool operator==(const ImportRule&, const ImportRule&) = default;
};

// Whether the whole path is as the pattern says; a set (RFC 4271 4.3 b) is one AS, any of its own.
[[nodiscard]] bool matches(const AsPathPattern& pattern, const AsPath& path);

// Prefix ranges by prefix, so that a long list costs a look for each length it has.
class PrefixList {
 public:
    explicit PrefixList(std::vector<PrefixRange> ranges);
    [[nodiscard]] bool contains(const Prefix& prefix) const;

 private:
    std::vector<PrefixRange> ranges_;          // by prefix
    std::array<std::bitset<129>, 2> lengths_;  // of their prefixes, by Family
};

class ImportFilter {
 public:
    using RuleNumber = std::uint16_t;  // from 1; 0: none
    // The rules that an UPDATE's attributes meet, in order.
    using Chosen = std::vector<RuleNumber>;
    struct Judgement {
        ImportRule::Verdict verdict = ImportRule::Verdict::refuse;
        RuleNumber rule = 0;  // that decided
    };

    explicit ImportFilter(const std::vector<ImportRule>& rules);

    [[nodiscard]] Chosen choose(const PathAttributes& attributes) const;
    [[nodiscard]] Judgement judge(const Chosen& chosen, const Prefix& prefix) const;

 private:
    struct Rule {
        ImportRule rule;
        PrefixList prefixes;
    };
    std::vector<Rule> rules_;
};

}  // namespace detour::bgp
