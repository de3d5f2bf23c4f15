// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What one tunnel carries, seen on its underlay's port: given a frame, the packet inside it if the
// frame is the tunnel's. It takes any GRE header that the RFCs allow (2784, 2890), also those that
// the fast path will drop: a capture is there to show them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "conf/program/capture.h"
#include "conf/types/address.h"

namespace detour::engine {

struct TunnelView {
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;

    // The inner packet, as far as the frame holds it; empty if the frame is not of this tunnel.
    [[nodiscard]] std::span<const std::uint8_t> inner(std::span<const std::uint8_t> frame,
                                                      program::capture::Direction direction) const;
};

}  // namespace detour::engine
