// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which tunnel a GRE packet belongs to: by its source (the configured remote), destination (the
// configured local) and key. Built once from the configuration, read by all workers. With a tunnel
// goes what its two ends agreed on, and the sequence numbers that count on both sides of it, the
// one thing here that workers write.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/types/address.h"
#include "dataplane/fib/forwarding_state.h"
#include "dataplane/packet/gre_options.h"

namespace detour::node {

// The ends of a tunnel as they stand in the configuration.
struct TunnelEnds {
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
    std::uint8_t options = 0;  // of packet::gre_option: checksum, sequence, keepalive, reassembly

    friend bool operator==(const TunnelEnds&, const TunnelEnds&) = default;
};

struct TunnelMatch {
    fib::TunnelIndex tunnel;
    std::uint8_t options = 0;
};

class TunnelFinder {
 public:
    // By TunnelIndex.
    explicit TunnelFinder(std::span<const TunnelEnds> tunnels);

    // Takes the place of `before`, which nobody uses any more: tunnels with the same ends go on
    // counting where they were, else the far end would take their packets for old ones.
    void resume(const TunnelFinder& before);

    // Addresses as they lie in the header (not swapped).
    [[nodiscard]] std::optional<TunnelMatch> find(std::uint32_t source, std::uint32_t destination,
                                                  std::optional<std::uint32_t> key) const;
    // 16 octets each.
    [[nodiscard]] std::optional<TunnelMatch> find(const std::uint8_t* source,
                                                  const std::uint8_t* destination,
                                                  std::optional<std::uint32_t> key) const;
    // Whether some tunnel ends here: then GRE to it is ours to take or to drop, else it passes.
    [[nodiscard]] bool is_local_end(std::uint32_t destination) const;
    [[nodiscard]] bool is_local_end(const std::uint8_t* destination) const;

    // Whether a tunnel between these wants fragments of its outer packets put together: they have
    // no key yet by which it would be known.
    [[nodiscard]] bool wants_fragments(std::uint32_t source, std::uint32_t destination) const;
    [[nodiscard]] bool wants_fragments(const std::uint8_t* source,
                                       const std::uint8_t* destination) const;
    [[nodiscard]] bool wants_fragments() const { return !fragmented_.empty(); }

    [[nodiscard]] packet::SequenceNumbers& sequence(fib::TunnelIndex tunnel) const {
        return sequences_[tunnel.value];
    }

 private:
    struct Slot {
        std::uint64_t addresses = 0;  // zero: free
        std::uint64_t key = 0;
        TunnelMatch match;
    };
    using Octets = std::array<std::uint8_t, 16>;
    struct Ipv6Slot {
        Octets source{};
        Octets destination{};
        std::uint64_t key = 0;
        TunnelMatch match;
        bool is_used = false;
    };

    void add_ipv4(const TunnelEnds& ends, TunnelMatch match);
    void add_ipv6(const TunnelEnds& ends, TunnelMatch match);

    std::vector<TunnelEnds> ends_;                          // by TunnelIndex
    std::vector<Slot> slots_;                               // open addressing, at most half full
    std::vector<std::uint32_t> local_ends_;                 // open addressing, zero is free
    std::vector<Ipv6Slot> ipv6_slots_;                      // the same for tunnels over IPv6
    std::vector<Octets> ipv6_local_ends_;                   // few, one after the other
    std::unique_ptr<packet::SequenceNumbers[]> sequences_;  // by TunnelIndex
    // Source and destination of fragments that are wanted, in order; IPv4 in its mapped form.
    std::vector<std::array<Octets, 2>> fragmented_;
};

}  // namespace detour::node
