// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/aggregate.h"

#include <algorithm>

namespace detour {
namespace {

// The prefix that two halves make together is one bit shorter and holds both.
bool are_halves(const Prefix& low, const Prefix& high) {
    if (low.length() == 0 || low.length() != high.length() || low.family() != high.family())
        return false;
    return low != high &&
           Prefix(low.address(), static_cast<std::uint8_t>(low.length() - 1)).contains(high);
}

}  // namespace

std::vector<Prefix> aggregate(std::vector<Prefix> prefixes) {
    std::sort(prefixes.begin(), prefixes.end());
    // Sorted, a prefix comes behind what contains it and behind its lower half: the result so far
    // is a stack on whose top alone the next one can act.
    std::vector<Prefix> result;
    for (const Prefix& prefix : prefixes) {
        if (!result.empty() && result.back().contains(prefix))
            continue;
        result.push_back(prefix);
        while (result.size() > 1 && are_halves(result[result.size() - 2], result.back())) {
            result.pop_back();
            Prefix& low = result.back();
            low = Prefix(low.address(), static_cast<std::uint8_t>(low.length() - 1));
        }
    }
    return result;
}

}  // namespace detour
