// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What routers on a tunnel's outer path say about packets that we made: "fragmentation needed"
// (RFC 792, RFC 1191) and "packet too big" (RFC 4443 3.2). Whether to believe it is decided by what
// the message quotes: the outer header with both ends of a tunnel of ours and its key, which a
// stranger off the path does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "conf/types/address.h"

namespace detour::packet {

struct TooBig {
    Address source;  // of the packet that was too big, so ours
    Address destination;
    std::optional<std::uint32_t> key;
    std::uint16_t mtu = 0;  // of the hop that it did not fit, outer headers included
};

// Nothing, unless `packet` is such a message, whole and with a right checksum, about GRE. `packet`
// was found ok by check_ipv4() or check_ipv6().
[[nodiscard]] std::optional<TooBig> parse_too_big(std::span<const std::uint8_t> packet);

}  // namespace detour::packet
