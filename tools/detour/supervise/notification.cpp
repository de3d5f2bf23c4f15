// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/notification.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace detour::supervise {
namespace {

constexpr std::size_t max_datagram_size = 4096;
constexpr std::size_t max_descriptors = 253;  // the kernel's SCM_MAX_FD

// As systemd asks of FDNAME: it must fit into a list with colons between names.
bool is_store_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 &&
           std::ranges::all_of(name, [](char c) { return c > 0x1f && c < 0x7f && c != ':'; });
}

// The address of a socket file, or of an abstract name when it starts with @; empty when it has no
// room.
std::optional<std::pair<sockaddr_un, socklen_t>> address_of(std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return std::nullopt;
    std::memcpy(address.sun_path, path.data(), path.size());
    auto size = offsetof(sockaddr_un, sun_path) + path.size() + 1;
    if (path.front() == '@') {
        address.sun_path[0] = '\0';
        --size;
    }
    return std::pair(address, static_cast<socklen_t>(size));
}

// What came beside the text. Every descriptor is taken over, so that none leaks.
struct Ancillary {
    pid_t sender = 0;
    std::vector<Descriptor> descriptors;
};

Ancillary ancillary_of(msghdr& message) {
    Ancillary ancillary;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET)
            continue;
        if (header->cmsg_type == SCM_CREDENTIALS) {
            ucred credentials{};
            std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
            ancillary.sender = credentials.pid;
        } else if (header->cmsg_type == SCM_RIGHTS) {
            const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int number = -1;
                std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
                ancillary.descriptors.emplace_back(number);
            }
        }
    }
    return ancillary;
}

}  // namespace

Notification parse_notification(std::string_view text) {
    Notification notification;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = line.find('=');
        if (equals == line.npos)
            continue;
        const std::string_view key = line.substr(0, equals);
        const std::string_view value = line.substr(equals + 1);
        if (key == "READY" && value == "1")
            notification.is_ready = true;
        else if (key == "STOPPING" && value == "1")
            notification.is_stopping = true;
        else if (key == "STATUS")
            notification.status = value;
        else if (key == "FDSTORE" && value == "1")
            notification.wants_store = true;
        else if (key == "FDSTOREREMOVE" && value == "1")
            notification.wants_remove = true;
        else if (key == "FDNAME" && is_store_name(value))
            notification.name = value;
    }
    return notification;
}

std::expected<NotifySocket, std::string> NotifySocket::open(const std::filesystem::path& path) {
    const auto fail = [&path] {
        return std::unexpected(
            fmt::format("cannot listen on {}: {}; is the directory ours to write?", path.native(),
                        std::strerror(errno)));
    };
    const auto address = address_of(path.native());
    if (!address)
        return std::unexpected(
            fmt::format("{} is too long for a socket; choose a shorter --run-dir", path.native()));
    Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open())
        return fail();
    ::unlink(path.c_str());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address->first), address->second) !=
            0 ||
        ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0)
        return fail();
    const int on = 1;
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        return fail();
    return NotifySocket(std::move(socket), path);
}

NotifySocket::~NotifySocket() {
    if (socket_.is_open())
        ::unlink(path_.c_str());
}

std::optional<Datagram> NotifySocket::receive() {
    for (;;) {
        std::array<char, max_datagram_size> text{};
        alignas(cmsghdr)
            std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * max_descriptors)>
                control{};
        iovec part{text.data(), text.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return std::nullopt;
        Ancillary ancillary = ancillary_of(message);
        if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || ancillary.sender == 0)
            continue;
        return Datagram{ancillary.sender,
                        parse_notification({text.data(), static_cast<std::size_t>(size)}),
                        std::move(ancillary.descriptors)};
    }
}

void notify_own_supervisor(std::string_view text) {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    const auto address = path == nullptr ? std::nullopt : address_of(path);
    if (!address)
        return;
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    // Nobody there to hear it is not our failure.
    [[maybe_unused]] const auto sent =
        ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address->first), address->second);
}

}  // namespace detour::supervise
