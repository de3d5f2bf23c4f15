// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/plan/objects.h"

#include <algorithm>

namespace detour::kernel::plan {

const Link* find(const Links& links, const std::string& name) {
    const auto found =
        std::ranges::find_if(links, [&](const auto& entry) { return entry.second.name == name; });
    return found == links.end() ? nullptr : &found->second;
}

}  // namespace detour::kernel::plan
