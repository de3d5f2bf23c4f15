// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/telemetry.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tools/detour/dataplane_socket.h"

namespace detour::command {
namespace {

using nlohmann::json;

// The engine itself gives a question two seconds.
constexpr timeval answer_time{.tv_sec = 3, .tv_usec = 0};
// rte_telemetry answers with at most 16 KiB; more than that costs nothing.
constexpr std::size_t answer_size = 64 * 1024;

ClientError refused(const std::string& command, const std::string& why) {
    return {ClientError::Kind::refused,
            fmt::format("the data plane has no answer to {}: {}", command, why),
            {}};
}

}  // namespace

std::expected<Telemetry, ClientError> Telemetry::connect(const std::filesystem::path& socket) {
    const auto descriptor = connect_dataplane(socket);
    if (!descriptor)
        return std::unexpected(descriptor.error());
    Telemetry telemetry(*descriptor);
    ::setsockopt(*descriptor, SOL_SOCKET, SO_RCVTIMEO, &answer_time, sizeof answer_time);
    // The greeting: version, process and the size of answers.
    std::string greeting(answer_size, '\0');
    const ssize_t size = ::recv(*descriptor, greeting.data(), greeting.size(), 0);
    if (size <= 0)
        return std::unexpected(dataplane_unreachable(socket, size == 0         ? ECONNRESET
                                                             : errno == EAGAIN ? ETIMEDOUT
                                                                               : errno));
    return telemetry;
}

Telemetry::~Telemetry() {
    if (descriptor_ >= 0)
        ::close(descriptor_);
}

Telemetry::Telemetry(Telemetry&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

Reply Telemetry::ask(const std::string& command) {
    if (::send(descriptor_, command.data(), command.size(), MSG_NOSIGNAL) < 0)
        return std::unexpected(refused(command, std::strerror(errno)));
    std::string answer(answer_size, '\0');
    const ssize_t size = ::recv(descriptor_, answer.data(), answer.size(), 0);
    if (size <= 0)
        return std::unexpected(refused(command, size == 0 ? "it ended" : std::strerror(errno)));
    answer.resize(static_cast<std::size_t>(size));
    json document = json::parse(answer, nullptr, false);
    const std::string name = command.substr(0, command.find(','));
    if (!document.is_object() || !document.contains(name) || document.at(name).is_null())
        return std::unexpected(refused(command, "compare detour version on both"));
    return std::move(document.at(name));
}

std::expected<std::vector<json>, ClientError> Telemetry::list(const std::string& command) {
    std::vector<json> entries;
    for (std::uint64_t first = 0;;) {
        const Reply page = ask(fmt::format("{},{}", command, first));
        if (!page)
            return std::unexpected(page.error());
        // Items are named by their place; JSON's order of names is not that of numbers.
        const json& items = page->value("items", json::object());
        const std::uint64_t next = page->value("next", page->value("total", first));
        for (std::uint64_t place = first; place < next; ++place)
            if (const auto item = items.find(std::to_string(place)); item != items.end())
                entries.push_back(*item);
        if (!page->contains("next") || next <= first)
            return entries;
        first = next;
    }
}

}  // namespace detour::command
