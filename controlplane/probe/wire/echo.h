// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// ICMP echo as probes use it: RFC 792 for IPv4, RFC 4443 section 4 for IPv6. Pure bytes of the ICMP
// message alone, without an IP header: what a raw socket writes, and what the event loop has cut
// from what it read. The payload opens with a magic word, the probe's slot and a random token, so
// that a reply proves itself and finds its probe without a search; the rest is zeros, which leave
// the checksum alone, so that a probe of any length is described by its first bytes and a size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "conf/types/address.h"

namespace detour::probe {

// What a probe carries and its reply must bring back unchanged.
struct EchoMark {
    std::uint16_t ident = 0;     // the flow: routers hash it
    std::uint16_t sequence = 0;  // counts within the flow
    std::uint32_t slot = 0;      // the prober's place for it
    std::uint64_t token = 0;     // random; nobody who has not seen the request knows it

    friend constexpr bool operator==(const EchoMark&, const EchoMark&) = default;
};

// Type, code, checksum, ident, sequence, magic, slot, token.
inline constexpr std::size_t echo_head_size = 24;
using EchoHead = std::array<std::uint8_t, echo_head_size>;

// Why a message is no answer; of the second kinds, too.
enum class ReplyError : std::uint8_t { truncated, bad_checksum, not_reply, foreign };

// The first bytes of an echo request of `size` bytes in all (at least echo_head_size); the other
// bytes are zero. The ICMPv6 checksum covers the pseudo-header (RFC 8200 section 8.1), so both
// addresses are asked for; their family chooses the message.
[[nodiscard]] EchoHead encode_echo_request(const EchoMark& mark, const Address& source,
                                           const Address& destination, std::size_t size);

// `message` is an ICMP message that came from `source` to `destination`. foreign: a correct echo
// reply that is not a probe's.
[[nodiscard]] std::expected<EchoMark, ReplyError> decode_echo_reply(
    std::span<const std::uint8_t> message, const Address& source, const Address& destination);

// The head of the reply that a correct host sends to an echo request from `source`, whose head is
// `request`, whose size is `size` and whose other bytes are zero: what targets in tests and
// simulations answer with.
[[nodiscard]] std::expected<EchoHead, ReplyError> answer_echo_request(
    std::span<const std::uint8_t> request, std::size_t size, const Address& source,
    const Address& destination);

}  // namespace detour::probe
