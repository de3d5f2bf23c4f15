// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// GRE beyond the plain form (gre.h): checksums and sequence numbers, IPv6 outside, a fixed DSCP, a
// don't-fragment bit that follows the inner packet's. As strict as Linux: whether there is a
// checksum must be as agreed on, a sequence number must be there when agreed on and must not be
// old; one that was not agreed on is not looked at.
//
// All of it lies behind one test of a tunnel's options, off the way of the plain packet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/finding.h"
#include "dataplane/packet/gre.h"

namespace detour::packet {

// Whether the header came as the tunnel's two ends agreed, and unchanged. `gre` is the whole of it
// with what it carries, `configured` the tunnel's options.
[[nodiscard]] Finding check_gre_options(std::span<const std::uint8_t> gre,
                                        const GreArrival& arrival, std::uint8_t configured);

// The sequence numbers of one tunnel (RFC 2890 2.2), as Linux has them: the first packet may come
// with any number, an old one is dropped, gaps are not waited for. Workers share it; numbers that
// two workers take at once may leave in the other order.
class SequenceNumbers {
 public:
    // Of the packet that leaves next: "The first datagram is sent with a sequence number of 0."
    [[nodiscard]] std::uint32_t next() { return out_.fetch_add(1, std::memory_order_relaxed); }
    // False: "an out-of-sequence packet ... SHOULD be silently discarded".
    [[nodiscard]] bool accept(std::uint32_t number);
    // Goes on where those of the same tunnel were; nobody else counts meanwhile.
    void resume(const SequenceNumbers& before) {
        out_.store(before.out_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        expected_.store(before.expected_.load(std::memory_order_relaxed),
                        std::memory_order_relaxed);
    }

 private:
    static constexpr std::uint64_t has_expected = std::uint64_t{1} << 32;

    std::atomic<std::uint32_t> out_{0};
    std::atomic<std::uint64_t> expected_{0};  // the next number, once there was one
};

// What one packet adds to its tunnel's template.
struct GreFill {
    Family family;                 // of the inner packet
    std::uint16_t inner_size;      // its own length
    std::uint8_t traffic_class;    // its DSCP and ECN
    bool may_fragment;             // IPv4 inside, without don't-fragment
    std::uint16_t identification;  // over IPv4
    std::uint32_t flow;      // over IPv6: any hash of the inner flow, for its label (RFC 6438)
    std::uint32_t sequence;  // with gre_option::sequence
};

// As push_gre(), for any template and options.
std::uint8_t* push_gre_with_options(std::uint8_t* inner, const GrePush& push, const GreFill& fill);

// Where GRE begins in an IPv6 packet that check_ipv6() found ok: behind the Destination Options in
// which Linux's ip6gre says how often a packet may still be encapsulated (RFC 2473 4.1.1). Nothing:
// it is not GRE. A drop: it is, or may be, and cannot be opened.
struct GreOffset {
    std::optional<std::size_t> offset;
    Finding finding;
};
[[nodiscard]] GreOffset gre_offset(std::span<const std::uint8_t> packet);

// The next headers behind which gre_offset() may find GRE.
[[nodiscard]] constexpr bool may_carry_gre(std::uint8_t next_header) {
    return next_header == protocol::gre || next_header == protocol::destination_options ||
           next_header == protocol::fragment || next_header == protocol::routing;
}

}  // namespace detour::packet
