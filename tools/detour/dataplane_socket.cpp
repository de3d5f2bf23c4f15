// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/dataplane_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace detour::command {
namespace {

// A data plane that is stopped accepts nobody, and its queue of connections is short.
constexpr timeval connect_time{.tv_sec = 1, .tv_usec = 0};

}  // namespace

std::expected<int, ClientError> connect_dataplane(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.native().size() >= sizeof address.sun_path)
        return std::unexpected(dataplane_unreachable(socket, ENAMETOOLONG));
    std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
    const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return std::unexpected(dataplane_unreachable(socket, errno));
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &connect_time, sizeof connect_time);
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int reason = errno == EAGAIN ? ETIMEDOUT : errno;
        ::close(descriptor);
        return std::unexpected(dataplane_unreachable(socket, reason));
    }
    return descriptor;
}

ClientError dataplane_unreachable(const std::filesystem::path& socket, int reason) {
    return {
        ClientError::Kind::unreachable,
        fmt::format("the data plane does not answer on {} ({}); is it running (systemctl status "
                    "detour-dataplane), and is this its --run-dir?",
                    socket.string(), std::strerror(reason)),
        {}};
}

}  // namespace detour::command
