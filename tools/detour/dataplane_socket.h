// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The way to a running data plane: both of its Unix sockets (DPDK's telemetry, captures) carry
// messages that keep their bounds.
#pragma once

#include <expected>
#include <filesystem>

#include "tools/detour/client.h"

namespace detour::command {

// The caller's to close. Unreachable: nobody listens there.
[[nodiscard]] std::expected<int, ClientError> connect_dataplane(
    const std::filesystem::path& socket);

// What to say when nobody listens, or nobody listens any more; `reason` is an errno.
[[nodiscard]] ClientError dataplane_unreachable(const std::filesystem::path& socket, int reason);

}  // namespace detour::command
