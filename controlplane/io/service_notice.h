// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Tells whoever started us that we are ready or stopping: systemd's notification protocol
// (sd_notify(3)), which `detour run` speaks as well. Without $NOTIFY_SOCKET nothing happens.
#pragma once

#include <string_view>

namespace detour::io {

// "READY=1", "STOPPING=1", "STATUS=..."; lines are separated by newlines.
void notify_service(std::string_view state);

}  // namespace detour::io
