// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// To which flow a frame belongs, as far as its order matters: what is inside GRE counts, else a
// tunnel would be one flow. Only for the spreading of frames over workers: nothing is judged here,
// and every frame that a validator would take gets the same answer as all others of its flow.
// GRE with sequence numbers stays one flow, because its packets must not overtake each other
// (RFC 2890 2.2), and so do the fragments of one source and destination.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace detour::packet {

struct InnerFlow {
    std::uint32_t hash = 0;
    bool is_tunnelled = false;  // the packet is GRE
};

// Of a whole Ethernet frame; nothing when it holds no whole IP packet.
[[nodiscard]] std::optional<InnerFlow> inner_flow(std::span<const std::uint8_t> frame);

}  // namespace detour::packet
