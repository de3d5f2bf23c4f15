// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/explanation.h"

#include <algorithm>

namespace detour::decision {

const Figure* Explanation::find(std::string_view name) const {
    const auto found = std::ranges::find(figures, name, &Figure::name);
    return found == figures.end() ? nullptr : &*found;
}

}  // namespace detour::decision
