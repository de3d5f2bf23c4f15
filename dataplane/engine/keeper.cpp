// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace detour::engine {
namespace {

constexpr int first_passed_descriptor = 3;  // SD_LISTEN_FDS_START

std::optional<int> number(const char* text) {
    if (text == nullptr)
        return std::nullopt;
    int value = 0;
    const char* const end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, value);
    if (error != std::errc{} || stop != end || value < 0)
        return std::nullopt;
    return value;
}

}  // namespace

std::vector<std::string> listed_names(const char* listen_pid, const char* listen_fds,
                                      const char* listen_names, int pid) {
    const auto count = number(listen_fds);
    if (number(listen_pid) != pid || !count)
        return {};
    std::vector<std::string> names(static_cast<std::size_t>(*count));
    std::string_view rest = listen_names != nullptr ? listen_names : "";
    for (std::string& name : names) {
        const std::size_t colon = std::min(rest.find(':'), rest.size());
        name = rest.substr(0, colon);
        rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    return names;
}

Keeper Keeper::from_environment() {
    Keeper keeper;
    if (const char* path = std::getenv("NOTIFY_SOCKET"); path != nullptr)
        keeper.socket_path_ = path;
    int fd = first_passed_descriptor;
    for (std::string& name : listed_names(std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"),
                                          std::getenv("LISTEN_FDNAMES"), getpid())) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        keeper.kept_.push_back({std::move(name), Descriptor(fd++)});
    }
    for (const char* variable : {"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        unsetenv(variable);
    return keeper;
}

bool Keeper::keeps(std::string_view name) const {
    return std::ranges::any_of(kept_, [&](const auto& kept) { return kept.name == name; });
}

std::expected<void, Error> Keeper::store(std::string_view name, int descriptor) {
    // A detached queue polls as an error, for which systemd would drop it: FDPOLL=0.
    return send(fmt::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", name), descriptor);
}

void Keeper::remove(std::string_view name) {
    [[maybe_unused]] const auto sent =
        send(fmt::format("FDSTOREREMOVE=1\nFDNAME={}", name), std::nullopt);
}

void Keeper::say_ready(std::string_view status) {
    [[maybe_unused]] const auto sent =
        send(fmt::format("READY=1\nSTATUS={}", status), std::nullopt);
}

void Keeper::say_stopping() {
    [[maybe_unused]] const auto sent = send("STOPPING=1", std::nullopt);
}

std::expected<void, Error> Keeper::send(std::string_view text, std::optional<int> descriptor) {
    if (!is_there())
        return {};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path)
        return std::unexpected(Error{"NOTIFY_SOCKET is too long a path"});
    std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
    if (socket_path_.front() == '@')
        address.sun_path[0] = '\0';
    if (!socket_.is_open())
        socket_ = Descriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &*descriptor, sizeof(int));
    }
    if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0)
        return std::unexpected(
            system_error(fmt::format("cannot notify the supervisor at {}", socket_path_)));
    return {};
}

}  // namespace detour::engine
