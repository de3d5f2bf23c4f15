// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the checks read of the host: files of /proc, /sys and /etc, and the kernel's own interfaces.
// Nothing is an answer too: a file that is not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model/config.h"

namespace detour::command::doctor {

// Without the white space at its end.
[[nodiscard]] std::optional<std::string> contents(const std::filesystem::path& file);
[[nodiscard]] std::optional<long> number_in(const std::filesystem::path& file);
[[nodiscard]] std::vector<std::filesystem::path> entries(const std::filesystem::path& folder);
// "net.ipv4.ip_forward"; a device's name may hold no dot here.
[[nodiscard]] std::filesystem::path sysctl_file(std::string_view name);

// This process's effective capability (CAP_NET_ADMIN is 12).
[[nodiscard]] bool has_capability(unsigned number);
// Somebody holds the lock of that program: it runs.
[[nodiscard]] bool is_locked(const std::filesystem::path& lock_file);

// "0000:3b:00.0" of "3b:00.0" or "0000:3b:00.0".
[[nodiscard]] std::optional<std::string> pci_address(const model::Port& port);
// The kernel's interface behind a port: of an af_packet or af_xdp device, or in kind kernel the
// port's own.
[[nodiscard]] std::optional<std::string> interface_behind(const model::Config& config,
                                                          const model::Port& port);
// Every interface of the kernel that is ours: twins, tunnels, and what stands behind ports.
[[nodiscard]] std::vector<std::string> our_interfaces(const model::Config& config);
[[nodiscard]] bool exists(const std::string& interface);

}  // namespace detour::command::doctor
