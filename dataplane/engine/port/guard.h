// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// An af_packet port only copies frames: the kernel would receive, and forward, each of them too.
// The guard is one nft table that drops them on the interface itself, before the kernel's IP
// layers; packet sockets have their copy by then. It stays after a crash, which is right (without
// the data plane the kernel must not forward either), and the next start replaces it as a whole.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "dataplane/engine/error.h"

namespace detour::engine {

// `table` is this box's own name. No interfaces: removes what a crashed instance left.
[[nodiscard]] std::expected<void, Error> set_guard(const std::string& table,
                                                   std::span<const std::string> interfaces);
// Best effort, at the end.
void remove_guard(const std::string& table);

// The ruleset that set_guard() loads, in nft's language; for tests.
[[nodiscard]] std::string guard_ruleset(const std::string& table,
                                        std::span<const std::string> interfaces);

}  // namespace detour::engine
