// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the verbs that talk to detourd share: how its answers and its silence end the command. 0
// done, 1 done with warnings, 2 refused, 3 nobody answers.
#pragma once

#include <string>
#include <string_view>

#include "tools/detour/client.h"
#include "tools/detour/verb.h"

namespace detour::command {

[[nodiscard]] Client client_of(const Context& context);

// Says on stderr (or as a JSON document) what went wrong, and returns the exit code.
[[nodiscard]] int fail(const ClientError& error, Output output);

// "3.2 s", "4 min 10 s", "2 h 5 min", "6 d 3 h".
[[nodiscard]] std::string age(double seconds);

// One line of an explanation: the figures that decided, and what was missing; then of the figures
// those that do not hold.
[[nodiscard]] std::string explain(const nlohmann::json& explanation);

// Who asks: the login behind sudo, else the user.
[[nodiscard]] std::string actor();

}  // namespace detour::command
