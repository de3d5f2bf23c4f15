// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Another program, run to its end for what it prints: `ip`, `ping`, `nft`. The words of its command
// line are passed as they are, no shell reads them. Time and output are bounded; what hangs is
// killed. For questions only: nothing here changes anything.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace detour::command {

struct Ran {
    int exit_code = 127;    // as a shell's $?: 127 there is no such program, 128 + n a signal
    bool is_cut = false;    // it took too long, or printed too much, and was killed
    std::string output;     // stdout
    std::string complaint;  // stderr

    [[nodiscard]] bool is_ok() const { return exit_code == 0 && !is_cut; }
};

struct Bounds {
    std::chrono::milliseconds time{5000};
    std::size_t bytes = 16 << 20;
};

[[nodiscard]] Ran run(const std::vector<std::string>& words, const Bounds& bounds = {});

// `ip -j WORDS`: the list that it prints; nothing when it fails (a table that does not exist, no
// `ip` on this host).
[[nodiscard]] std::optional<nlohmann::json> ip(const std::vector<std::string>& words);

}  // namespace detour::command
