// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The keepalive of Cisco's routers, for tunnels over IPv4. Who wants to know puts into the tunnel a
// packet that is already the answer: IPv4 from the far end to this one, holding a GRE header of
// protocol 0. The far end needs to know nothing about it: it opens the tunnel and forwards what was
// inside, which comes back bare.
//
//     sent      | IP us -> them | GRE (key) IPv4 | IP them -> us | GRE (key) protocol 0 |
//     answered                                   | IP them -> us | GRE (key) protocol 0 |
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/gre.h"

namespace detour::packet {

// What the far end wants back: inside our GRE, a GRE packet of protocol 0 from this end of the
// tunnel to the other. `inner` was found intact by check_ipv4() (a martian or foreign destination
// may have been found since).
[[nodiscard]] bool is_gre_keepalive(std::span<const std::uint8_t> inner, std::uint32_t local,
                                    std::uint32_t remote);

struct GreKeepalive {
    static constexpr std::size_t max_size = sizeof(Ipv4Header) + sizeof(GreHeader) + sizeof(Be32);

    std::array<std::uint8_t, max_size> bytes{};
    std::size_t size = 0;

    [[nodiscard]] std::span<const std::uint8_t> packet() const {
        return std::span(bytes).first(size);
    }
};

// What this end puts into the tunnel: the answer, complete. `local` and `remote` are ours and
// theirs.
[[nodiscard]] GreKeepalive build_gre_keepalive(std::uint32_t local, std::uint32_t remote,
                                               std::optional<std::uint32_t> key);

}  // namespace detour::packet
