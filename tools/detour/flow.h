// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A packet as the operator names it: 'SOURCE > DESTINATION [in PORT|TUNNEL]', and by which
// interfaces it could come in when that is not said.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/model/config.h"

namespace detour::command {

struct Flow {
    Address source;
    Address destination;
    std::optional<std::string> in;  // a port's or an uplink's name
};

// The words in one argument or in several; ">" may stand apart or not. The error is a sentence that
// says what was wanted.
[[nodiscard]] std::expected<Flow, std::string> parse_flow(const model::Config& config,
                                                          std::span<const std::string> words);

// Where it says; else the LAN ports for a source that is ours or on the LAN, and the uplinks for
// any other. Interfaces as the kernel names them.
[[nodiscard]] std::vector<std::string> entrances(const model::Config& config, const Flow& flow);

}  // namespace detour::command
