// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#pragma once

#include <cstddef>
#include <string>

namespace detour {

// Why a text is not the value it should be. `offset` is the byte of the text at which reading
// stopped, so that the configuration can point at it; `message` says what is wrong and, where it
// helps, what to do.
struct ParseError {
    std::string message;
    std::size_t offset = 0;
};

}  // namespace detour
