// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/management.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <string>

#include "conf/revision/store.h"

namespace detour::command {
namespace {

constexpr std::string_view name = "SSH_CONNECTION=";
constexpr int most_ancestors = 32;

// Of one process: its environment as it was started with.
std::string connection_of(int process) {
    const auto environment = revision::read_file(fmt::format("/proc/{}/environ", process));
    if (!environment)
        return {};
    for (std::size_t at = 0; at < environment->size();) {
        const std::size_t end = std::min(environment->find('\0', at), environment->size());
        const std::string_view entry(environment->data() + at, end - at);
        if (entry.starts_with(name))
            return std::string(entry.substr(name.size()));
        at = end + 1;
    }
    return {};
}

int parent_of(int process) {
    const auto status = revision::read_file(fmt::format("/proc/{}/status", process));
    const auto at = status ? status->find("\nPPid:") : std::string::npos;
    return at == std::string::npos ? 0 : std::atoi(status->c_str() + at + 6);
}

std::string find_connection() {
    if (const char* own = std::getenv("SSH_CONNECTION"))
        return own;
    int process = ::getppid();
    for (int i = 0; i < most_ancestors && process > 1; ++i, process = parent_of(process))
        if (std::string connection = connection_of(process); !connection.empty())
            return connection;
    return {};
}

std::string text_of(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address == nullptr)
        return {};
    const void* bytes = nullptr;
    if (address->sa_family == AF_INET)
        bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    else if (address->sa_family == AF_INET6)
        bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (bytes == nullptr)
        return {};
    return ::inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr
               ? std::string()
               : std::string(text.data());
}

std::string interface_of(const Address& address) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0)
        return {};
    std::string found;
    for (const ifaddrs* each = all; each != nullptr && found.empty(); each = each->ifa_next)
        if (const auto own = Address::parse(text_of(each->ifa_addr)); own && *own == address)
            found = each->ifa_name;
    ::freeifaddrs(all);
    return found;
}

}  // namespace

std::optional<model::ManagementSession> parse_ssh_connection(std::string_view text) {
    std::istringstream words{std::string(text)};
    std::string client;
    std::string client_port;
    std::string server;
    words >> client >> client_port >> server;
    const auto from = Address::parse(client);
    const auto to = Address::parse(server);
    if (!from || !to)
        return std::nullopt;
    return model::ManagementSession{*from, *to, {}};
}

std::optional<model::ManagementSession> management_session() {
    auto session = parse_ssh_connection(find_connection());
    if (session)
        session->interface = interface_of(session->server);
    return session;
}

std::string cut_by(const model::Config& before, const model::Config& after) {
    const auto session = management_session();
    return session ? model::cuts(*session, before, after) : std::string();
}

}  // namespace detour::command
