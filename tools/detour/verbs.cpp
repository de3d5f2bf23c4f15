// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <array>

#include "tools/detour/verb.h"

namespace detour::command {

std::span<const Verb> verbs() {
    static constexpr std::array table{
        Verb{"check", "Judge a configuration without touching anything", declare_check},
        Verb{"run", "Run the planes in the foreground, supervised", declare_run},
        Verb{"version", "Print the version and the commit", declare_version},
    };
    return table;
}

}  // namespace detour::command
