// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/sysctl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

namespace detour::kernel {
namespace {

std::optional<std::string> read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string value;
    if (!std::getline(file, value))
        return std::nullopt;
    return value;
}

// Empty, or why it failed.
std::string write(const std::filesystem::path& path, const std::string& value) {
    errno = 0;
    std::ofstream file(path);
    file << value << '\n' << std::flush;
    if (file)
        return {};
    return errno != 0 ? std::strerror(errno) : "cannot be written";
}

}  // namespace

std::string SysctlFault::to_string() const {
    // Dots in a device's name are slashes to sysctl, so its own slash form is used.
    return fmt::format("{} is {} and should be {} ({}): sysctl -w {}={}", wanted.path.string(),
                       found.empty() ? "not there" : found, wanted.value, reason,
                       wanted.path.string(), wanted.value);
}

std::vector<Sysctl> general_sysctls() {
    return {
        {"net/ipv4/ip_forward", "1"},
        {"net/ipv6/conf/all/forwarding", "1"},
        // One message when a group changes, not one for each route that uses it.
        {"net/ipv4/nexthop_compat_mode", "0"},
        // The larger of `all` and the device's counts: probes' replies come in asymmetrically.
        {"net/ipv4/conf/all/rp_filter", "0"},
        // Else the router asks for a neighbour with a beacon as the sender.
        {"net/ipv4/conf/all/arp_announce", "2"},
        {"net/ipv4/conf/all/arp_ignore", "1"},
        // Either of `all` and the device's suffices to send or believe a redirect.
        {"net/ipv4/conf/all/send_redirects", "0"},
        {"net/ipv4/conf/all/accept_redirects", "0"},
        {"net/ipv6/conf/all/accept_redirects", "0"},
    };
}

std::vector<Sysctl> device_sysctls(const std::string& device) {
    const auto ipv4 = std::filesystem::path("net/ipv4/conf") / device;
    const auto ipv6 = std::filesystem::path("net/ipv6/conf") / device;
    return {
        {ipv4 / "rp_filter", "0"},         {ipv4 / "send_redirects", "0"},
        {ipv4 / "accept_redirects", "0"},  {ipv6 / "disable_ipv6", "0"},
        {ipv6 / "accept_redirects", "0"},  {ipv6 / "accept_ra", "0"},
        {ipv6 / "keep_addr_on_down", "1"},
    };
}

std::vector<SysctlFault> apply_sysctls(const std::vector<Sysctl>& settings,
                                       const std::filesystem::path& root) {
    std::vector<SysctlFault> faults;
    for (const Sysctl& setting : settings) {
        const auto path = root / setting.path;
        if (read(path) == setting.value)
            continue;
        std::string reason = write(path, setting.value);
        const auto found = read(path);
        if (found == setting.value)
            continue;
        if (reason.empty())
            reason = "written, but it does not stay";
        faults.push_back({setting, found.value_or(""), std::move(reason)});
    }
    return faults;
}

}  // namespace detour::kernel
