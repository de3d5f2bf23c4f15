// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Why the data plane cannot start, in one message that says what to do, and how the program then
// ends (whether another try makes sense).
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "conf/program/exit_code.h"

namespace detour::engine {

struct Error {
    std::string message;
    program::ExitCode code = program::ExitCode::failure;
};

// "what: the system's reason"
[[nodiscard]] inline Error system_error(const std::string& what, int error = errno) {
    return {what + ": " + std::strerror(error)};
}

// Neither another try nor time will mend it.
[[nodiscard]] inline Error setup_error(std::string message) {
    return {std::move(message), program::ExitCode::configuration};
}

}  // namespace detour::engine
