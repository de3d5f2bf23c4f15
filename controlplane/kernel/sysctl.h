// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The fixed list of kernel settings that forwarding needs. Each is read first and written only when
// it differs; where /proc/sys is read-only (a container) the caller learns which are missing, with
// the line that sets it from outside. They stay when detourd stops: what was there before may be
// what the next administrator relies on not coming back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace detour::kernel {

struct Sysctl {
    std::filesystem::path path;  // below /proc/sys: "net/ipv4/ip_forward"
    std::string value;

    friend auto operator<=>(const Sysctl&, const Sysctl&) = default;
};

// A setting that is not as it should be and could not be set.
struct SysctlFault {
    Sysctl wanted;
    std::string found;   // empty: could not be read
    std::string reason;  // "Read-only file system"

    // "net.ipv4.ip_forward is 0 and should be 1 (Read-only file system): sysctl -w ..."
    [[nodiscard]] std::string to_string() const;
};

// For the whole network namespace.
[[nodiscard]] std::vector<Sysctl> general_sysctls();
// For one interface of ours, before it gets addresses.
[[nodiscard]] std::vector<Sysctl> device_sysctls(const std::string& device);

// Sets and verifies below `root`, which is /proc/sys outside of tests.
[[nodiscard]] std::vector<SysctlFault> apply_sysctls(const std::vector<Sysctl>& settings,
                                                     const std::filesystem::path& root);

}  // namespace detour::kernel
