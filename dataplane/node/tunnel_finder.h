// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Which tunnel a GRE packet belongs to: by its source (the configured remote), destination (the
// configured local) and key. Built once from the configuration, read by all workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "conf/types/address.h"
#include "dataplane/fib/forwarding_state.h"

namespace detour::node {

// The ends of a tunnel as they stand in the configuration.
struct TunnelEnds {
    Address local;
    Address remote;
    std::optional<std::uint32_t> key;
};

class TunnelFinder {
 public:
    // By TunnelIndex. Ends that are IPv6 are not found: the outer header is IPv4 so far.
    explicit TunnelFinder(std::span<const TunnelEnds> tunnels);

    // Addresses as they lie in the header (not swapped).
    [[nodiscard]] std::optional<fib::TunnelIndex> find(std::uint32_t source,
                                                       std::uint32_t destination,
                                                       std::optional<std::uint32_t> key) const;
    // Whether some tunnel ends here: then GRE to it is ours to take or to drop, else it passes.
    [[nodiscard]] bool is_local_end(std::uint32_t destination) const;

 private:
    struct Slot {
        std::uint64_t addresses = 0;  // zero: free
        std::uint64_t key = 0;
        fib::TunnelIndex tunnel;
    };

    std::vector<Slot> slots_;                // open addressing, at most half full
    std::vector<std::uint32_t> local_ends_;  // open addressing, zero is free
};

}  // namespace detour::node
