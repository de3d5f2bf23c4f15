// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#pragma once

#include <cstdint>
#include <string>

namespace detour::observe {

// Why the journal cannot be used; the message says what to do where something can be done.
struct JournalError {
    enum class Kind : std::uint8_t {
        newer,    // written by a newer detour
        foreign,  // not a journal, or damaged
        io,       // the file system refuses, the disk is full
    } kind = Kind::io;
    std::string message;
};

}  // namespace detour::observe
