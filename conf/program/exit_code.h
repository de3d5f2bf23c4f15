// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How detour's programs end. Whoever starts them (systemd, `detour run`) decides by this number
// whether another try makes sense: usage and configuration do not mend themselves.
#pragma once

namespace detour::program {

enum class ExitCode : int {
    success = 0,
    failure = 1,         // something in the world failed; a restart may help
    usage = 64,          // the command line is wrong (sysexits EX_USAGE)
    configuration = 78,  // the configuration or the host's set-up is wrong (EX_CONFIG)
};

[[nodiscard]] constexpr int to_int(ExitCode code) {
    return static_cast<int>(code);
}

// The same command on the same configuration would end the same way.
[[nodiscard]] constexpr bool is_permanent(int exit_code) {
    return exit_code == to_int(ExitCode::usage) || exit_code == to_int(ExitCode::configuration);
}

}  // namespace detour::program
