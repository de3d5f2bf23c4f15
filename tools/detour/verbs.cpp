// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <array>

#include "tools/detour/verb.h"

namespace detour::command {

std::span<const Verb> verbs() {
    static constexpr std::array table{
        Verb{"check", "Judge a configuration without touching anything", declare_check},
        Verb{"run", "Run the planes in the foreground, supervised", declare_run},
        Verb{"status", "Show what is true, since when, and what comes next", declare_status},
        Verb{"events", "Show what happened, or follow it", declare_events},
        Verb{"why", "Explain what was done, and what was not", declare_why},
        Verb{"move", "Move a prefix set to another uplink", declare_move},
        Verb{"failback", "Bring a prefix set home", declare_failback},
        Verb{"abort", "Give up the move in progress", declare_abort},
        Verb{"version", "Print the version and the commit", declare_version},
    };
    return table;
}

}  // namespace detour::command
