// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the data plane says while it runs: one line on stderr, which the supervisor or journald
// dates. Never from a worker.
#pragma once

#include <fmt/format.h>

#include <cstdio>

namespace detour::engine {

template <class... Arguments>
void say(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::print(stderr, "detour-dataplane: {}\n",
               fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace detour::engine
