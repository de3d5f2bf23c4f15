// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which detour this is: the release (meson's project version, semantic versioning) and the commit
// it was built from, "+" behind it when the tree had changes.
#pragma once

#include <string>
#include <string_view>

namespace detour::program {

[[nodiscard]] std::string_view version();  // "0.1.0"
[[nodiscard]] std::string_view commit();   // "6c664f4ab012", or "unknown"

// "detour-dataplane 0.1.0 (commit 6c664f4ab012)"
[[nodiscard]] std::string version_line(std::string_view program);

}  // namespace detour::program
