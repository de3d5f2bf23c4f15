// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The receiving end of systemd's notification protocol (sd_notify(3)): datagrams of KEY=VALUE
// lines, perhaps with file descriptors, from processes that we know by the credentials that the
// kernel attaches.
#pragma once

#include <sys/types.h>

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/detour/supervise/descriptor.h"

namespace detour::supervise {

// What a datagram says, as far as a keeper cares. FDPOLL is read over: nothing is dropped from the
// store because it polls as dead, so every store behaves as with FDPOLL=0.
struct Notification {
    bool is_ready = false;
    bool is_stopping = false;
    std::optional<std::string> status;
    bool wants_store = false;   // FDSTORE=1: the descriptors that came with it
    bool wants_remove = false;  // FDSTOREREMOVE=1: all of that name
    std::string name = "stored";
};

[[nodiscard]] Notification parse_notification(std::string_view text);

struct Datagram {
    pid_t sender = 0;
    Notification notification;
    std::vector<Descriptor> descriptors;
};

class NotifySocket {
 public:
    // Replaces a socket file of a previous run. The error is a sentence.
    [[nodiscard]] static std::expected<NotifySocket, std::string> open(
        const std::filesystem::path& path);
    ~NotifySocket();
    NotifySocket(NotifySocket&&) noexcept = default;
    NotifySocket& operator=(NotifySocket&&) = delete;

    [[nodiscard]] int get() const { return socket_.get(); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    // The next datagram that waits; nothing when none does. Those that are cut or that come without
    // credentials are passed over.
    [[nodiscard]] std::optional<Datagram> receive();

 private:
    NotifySocket(Descriptor socket, std::filesystem::path path)
        : socket_(std::move(socket)), path_(std::move(path)) {}

    Descriptor socket_;
    std::filesystem::path path_;
};

// Tells whoever supervises us, if somebody does ($NOTIFY_SOCKET).
void notify_own_supervisor(std::string_view text);

}  // namespace detour::supervise
