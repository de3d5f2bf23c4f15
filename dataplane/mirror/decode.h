// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One rtnetlink message -> one typed event. Pure: bytes in, value out; every attribute is checked
// against the message and its own length before it is read (libmnl's walkers), so that a kernel
// newer than us, or a fuzzer, can at worst make a message undecodable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <expected>

#include "dataplane/mirror/objects.h"

namespace detour::mirror {

struct DecodeError {
    std::uint16_t message_type = 0;
    std::string message;
};

// `message` starts at its nlmsghdr and is as long as the header says or longer. Nothing without an
// error: a message that forwarding does not care about (another family, a cached route, a bridge
// entry).
[[nodiscard]] std::expected<std::optional<Event>, DecodeError> decode(
    std::span<const std::uint8_t> message);

}  // namespace detour::mirror
