// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Garbage: frames of 64 octets that nobody asked for, as fast as a packet socket takes them, to see
// what a router does for its sessions meanwhile. IPv4 and IPv6 of all protocols from addresses made
// at random, half of it to given addresses (the router's own), half to others; some of it to the
// ports of BGP and BFD, some GRE, some cut or with wrong checksums, some that is no IP at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "conf/types/duration.h"

namespace detour::lab {

struct GarbageOptions {
    std::string interface;
    std::string to;                // the router's MAC
    std::vector<Address> targets;  // the router's own addresses
    std::uint64_t rate = 0;        // frames a second; 0: as fast as it goes
    std::optional<Duration> duration;
    std::uint32_t seed = 1;
};

// So many of them; throws std::invalid_argument for a MAC that is none.
[[nodiscard]] std::vector<Bytes> make_garbage(const GarbageOptions& options, std::size_t count);

// Sends until the duration is over or a signal comes; the result as JSON: sent, seconds, rate.
[[nodiscard]] std::string run_garbage(const GarbageOptions& options);

}  // namespace detour::lab
