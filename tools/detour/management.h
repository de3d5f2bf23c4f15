// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The operator's own way to the box, so that no apply saws off the branch: sshd tells it in
// SSH_CONNECTION, which sudo takes away, so the processes we descend from are asked too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "conf/model/diff.h"

namespace detour::command {

// Nothing on a console.
[[nodiscard]] std::optional<model::ManagementSession> management_session();

// "192.0.2.9 51234 192.0.2.1 22" without the interface.
[[nodiscard]] std::optional<model::ManagementSession> parse_ssh_connection(std::string_view text);

// Why `after` would cut the session of who asks. Empty: it stays.
[[nodiscard]] std::string cut_by(const model::Config& before, const model::Config& after);

}  // namespace detour::command
