// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/aggregate.h"

#include <algorithm>
#include <optional>

namespace detour::kernel::plan {
namespace {

// The prefix that consists of exactly these two, if there is one.
std::optional<Prefix> joined(const Prefix& low, const Prefix& high) {
    if (low.length() != high.length() || low.length() == 0 || low.family() != high.family())
        return std::nullopt;
    const Prefix parent(low.address(), static_cast<std::uint8_t>(low.length() - 1));
    if (low.address() == high.address() || !parent.contains(high))
        return std::nullopt;
    return parent;
}

}  // namespace

std::vector<Prefix> aggregate(std::vector<Prefix> prefixes) {
    std::ranges::sort(prefixes);
    // In this order a prefix follows whatever contains it, and two halves of a prefix become
    // neighbours once what they contain is gone: a stack is enough.
    std::vector<Prefix> result;
    for (const Prefix& prefix : prefixes) {
        if (!result.empty() && result.back().contains(prefix))
            continue;
        result.push_back(prefix);
        while (result.size() >= 2) {
            const auto parent = joined(result[result.size() - 2], result.back());
            if (!parent)
                break;
            result.pop_back();
            result.back() = *parent;
        }
    }
    return result;
}

}  // namespace detour::kernel::plan
