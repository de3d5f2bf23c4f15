// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// How much of the kernel's time a worker may ask for. Every kind of punt has a token bucket of its
// own, so that a flood of one kind leaves the others their share: BGP, BFD and neighbour discovery
// are never in one bucket with what a stranger can send at will. Pure: time is an argument, in
// nanoseconds of any monotonic clock. One limiter a worker; not shared.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace detour::node {

enum class PuntClass : std::uint8_t {
    session,     // BGP and BFD of the neighbours that the configuration names
    stranger,    // BGP and BFD of whoever else: sessions of another daemon, or a flood
    neighbour,   // ARP and neighbour discovery
    echo,        // ICMP to our own addresses: probes, replies to probes, errors about our packets
    local,       // everything else to our own addresses
    unresolved,  // makes the kernel ask for a neighbour
    error,       // makes the kernel answer with an ICMP error
    fragment,    // makes the kernel fragment
    other,       // broadcast, options, rules and devices that the fast path does not know
    count_
};

inline constexpr std::size_t punt_class_count = static_cast<std::size_t>(PuntClass::count_);

[[nodiscard]] std::string_view to_string(PuntClass punt_class);

// The control queue of the exchange takes these; the rest goes through the bulk queue behind it.
[[nodiscard]] constexpr bool is_first_class(PuntClass punt_class) {
    return punt_class <= PuntClass::echo;
}

class PuntLimiter {
 public:
    // Packets per second and the most at once, of one worker.
    struct Budget {
        std::uint32_t rate;
        std::uint32_t burst;
    };
    [[nodiscard]] static Budget budget(PuntClass punt_class);

    PuntLimiter();

    // Takes one token if there is one.
    [[nodiscard]] bool allow(PuntClass punt_class, std::uint64_t now);
    // As allow(PuntClass::unresolved), and at most once a second for the same address.
    // `address_hash` is any good hash of it.
    [[nodiscard]] bool allow_unresolved(std::uint64_t address_hash, std::uint64_t now);

 private:
    struct Bucket {
        std::uint64_t credit = 0;  // in nanoseconds of its rate
        std::uint64_t last = 0;
    };
    struct Asked {
        std::uint64_t address_hash = 0;
        std::uint64_t when = 0;
    };
    static constexpr std::size_t asked_count = 4096;

    std::array<Bucket, punt_class_count> buckets_;
    std::unique_ptr<std::array<Asked, asked_count>> asked_;  // direct mapped
};

}  // namespace detour::node
