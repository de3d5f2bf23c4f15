// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Everything the box changes on its host besides its own sockets: interfaces behind af_packet and
// af_xdp ports, the guard's nft table, persistent twins. Put back when the Host ends, and what a
// crashed instance left is put right when it opens.
#pragma once

#include <expected>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "conf/program/paths.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/port/device_name.h"
#include "dataplane/engine/undo.h"

namespace detour::engine {

// A port as far as the host is concerned.
struct HostPort {
    const DeviceName& device;
    std::uint16_t mtu;
};

class Host {
 public:
    // `twins` are the names this box will use: those of a crashed instance are taken over, others
    // that it made are removed, as are its changes to interfaces that are no ports any more.
    [[nodiscard]] static std::expected<std::unique_ptr<Host>, Error> open(
        const program::RunDir& run, std::span<const HostPort> ports,
        const std::set<std::string>& twins);
    // Twins' queues of this process are closed before.
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    // For the twins.
    [[nodiscard]] UndoFile& undo() { return undo_; }

 private:
    Host(UndoFile undo, std::string guard_table)
        : undo_(std::move(undo)), guard_table_(std::move(guard_table)) {}
    void clean_up_after_crash(std::span<const HostPort> ports, const std::set<std::string>& twins);
    [[nodiscard]] std::expected<void, Error> claim(std::span<const HostPort> ports);

    UndoFile undo_;
    std::string guard_table_;
    bool has_guard_ = false;
};

}  // namespace detour::engine
