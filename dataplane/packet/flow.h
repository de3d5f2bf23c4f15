// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What tells flows apart: a hash of addresses, protocol and ports, the same for every packet of a
// flow, so that a group of next hops (or a worker) keeps its order. Fragments are hashed without
// ports, because only the first has them; a flow that is fragmented sometimes may then use two
// ways, as everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/big_endian.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"

namespace detour::packet {

// One round of folded 64x64 multiplication: every input bit reaches every output bit.
[[nodiscard]] inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xe7037ed1a0b428db);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

[[nodiscard]] constexpr bool has_ports(std::uint8_t transport) {
    return transport == protocol::tcp || transport == protocol::udp || transport == protocol::sctp;
}

// Source and destination port as one word, or 0: `transport` bytes that are there.
[[nodiscard]] inline std::uint32_t ports_word(const std::uint8_t* transport, std::size_t size) {
    std::uint32_t ports = 0;
    if (size >= sizeof ports)
        std::memcpy(&ports, transport, sizeof ports);
    return ports;
}

// Of a packet that check_ipv4() found ok.
[[nodiscard]] inline std::uint32_t flow_hash(const Ipv4Header& header) {
    std::uint64_t addresses;
    std::memcpy(&addresses, &header.source, sizeof addresses);
    std::uint64_t rest = header.protocol;
    if (has_ports(header.protocol) && !header.is_fragment()) {
        const std::size_t header_size = header.header_size();
        rest |=
            std::uint64_t{ports_word(reinterpret_cast<const std::uint8_t*>(&header) + header_size,
                                     header.total_length.value() - header_size)}
            << 32;
    }
    return static_cast<std::uint32_t>(mixed(addresses, rest));
}

// Of a packet that check_ipv6() found ok. Behind extension headers the flow label stands for the
// ports (RFC 6438), which a source keeps for a flow.
[[nodiscard]] inline std::uint32_t flow_hash(const Ipv6Header& header) {
    std::uint64_t words[4];
    std::memcpy(words, &header.source, sizeof words);
    std::uint64_t rest = header.next_header;
    if (has_ports(header.next_header))
        rest |= std::uint64_t{ports_word(reinterpret_cast<const std::uint8_t*>(&header + 1),
                                         header.payload_length.value())}
                << 32;
    else
        rest |= std::uint64_t{header.version_and_flow.value() & 0x000fffff} << 32;
    return static_cast<std::uint32_t>(
        mixed(mixed(words[0], words[1]) ^ mixed(words[2], words[3] + 1), rest));
}

}  // namespace detour::packet
