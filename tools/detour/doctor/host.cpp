// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/doctor/host.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <regex>

namespace detour::command::doctor {

std::optional<std::string> contents(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream)
        return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    while (!text.empty() && (std::isspace(static_cast<unsigned char>(text.back())) != 0))
        text.pop_back();
    return text;
}

std::optional<long> number_in(const std::filesystem::path& file) {
    const auto text = contents(file);
    long value = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
        return std::nullopt;
    return value;
}

std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> list;
    std::error_code error;
    for (auto at = std::filesystem::directory_iterator(folder, error);
         !error && at != std::filesystem::directory_iterator(); at.increment(error))
        list.push_back(at->path());
    std::ranges::sort(list);
    return list;
}

std::filesystem::path sysctl_file(std::string_view name) {
    std::string path(name);
    std::ranges::replace(path, '.', '/');
    return "/proc/sys/" + path;
}

bool has_capability(unsigned number) {
    std::ifstream stream("/proc/self/status");
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("CapEff:"))
            return (std::stoull(line.substr(7), nullptr, 16) >> number & 1U) != 0;
    return false;
}

bool is_locked(const std::filesystem::path& lock_file) {
    const int descriptor = ::open(lock_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const bool is_free = ::flock(descriptor, LOCK_SH | LOCK_NB) == 0;
    ::close(descriptor);
    return !is_free;
}

std::optional<std::string> pci_address(const model::Port& port) {
    static const std::regex form("(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7])");
    std::smatch match;
    if (!std::regex_match(port.device, match, form))
        return std::nullopt;
    return (match[1].matched ? match[1].str() : "0000") + ":" + match[2].str();
}

std::optional<std::string> interface_behind(const model::Config& config, const model::Port& port) {
    if (config.dataplane.kind == model::DataplaneKind::kernel)
        return port.device;
    const bool has_one =
        port.device.starts_with("net_af_packet") || port.device.starts_with("net_af_xdp");
    const std::size_t at = port.device.find(",iface=");
    if (!has_one || at == std::string::npos)
        return std::nullopt;
    const std::string rest = port.device.substr(at + 7);
    return rest.substr(0, rest.find(','));
}

std::vector<std::string> our_interfaces(const model::Config& config) {
    std::vector<std::string> names;
    for (const model::Port& port : config.ports) {
        names.push_back(config.interface_name(port.id));
        if (const auto behind = interface_behind(config, port))
            names.push_back(*behind);
    }
    for (const model::Uplink& uplink : config.uplinks)
        names.push_back(config.interface_name(uplink.id));
    std::ranges::sort(names);
    const auto rest = std::ranges::unique(names);
    names.erase(rest.begin(), rest.end());
    return names;
}

bool exists(const std::string& interface) {
    return std::filesystem::exists("/sys/class/net/" + interface);
}

}  // namespace detour::command::doctor
