// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The kernel's interface behind an af_packet or af_xdp port: set up, its MTU large enough, its
// offloads off (a frame whose checksum a NIC was to fill in, or that was merged from several, is
// not what is on the wire: lab.md traps 1 and 2). What was changed is in the undo file first.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/engine/error.h"
#include "dataplane/engine/undo.h"

namespace detour::engine {

// Makes `interface` fit to be a port. Idempotent.
[[nodiscard]] std::expected<void, Error> prepare_interface(const std::string& interface,
                                                           std::uint16_t mtu, UndoFile& undo);

// Puts back what prepare_interface() of this or a crashed instance changed on it; best effort, for
// an interface may be gone.
void restore_interface(const std::string& interface, UndoFile& undo);

}  // namespace detour::engine
