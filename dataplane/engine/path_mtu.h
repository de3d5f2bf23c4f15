// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The MTU of a tunnel whose outer path turns out narrower than its port. Pure: time is an argument.
// Lowered as soon as a router says so, never below the floor, where IPv6 would leave the TUN or a
// forged message would strangle the tunnel; and raised again to what is configured after ten
// minutes without a further word (RFC 1191 6.3), which makes the path answer anew if it must.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "conf/types/duration.h"

namespace detour::engine {

class PathMtu {
 public:
    struct Limits {
        std::uint16_t configured;  // of inner packets
        std::uint16_t overhead;    // of the outer headers
        std::uint16_t floor;       // least MTU for inner packets
    };
    static constexpr Duration memory = std::chrono::minutes(10);

    explicit PathMtu(const Limits& limits) : limits_(limits), mtu_(limits.configured) {}

    // What the TUN's MTU is to be.
    [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
    [[nodiscard]] std::optional<Instant> deadline() const { return until_; }

    // A router on the path takes outer packets of at most `outer`.
    void hear(Instant now, std::uint16_t outer) {
        const auto inner = static_cast<std::uint16_t>(
            std::max<int>(outer - limits_.overhead, std::min(limits_.floor, limits_.configured)));
        // What is no news raises nothing: messages about packets sent before are still coming.
        if (inner > mtu_ || inner >= limits_.configured)
            return;
        mtu_ = inner;
        until_ = now + memory;
    }
    void on_time(Instant now) {
        if (!until_ || now < *until_)
            return;
        until_.reset();
        mtu_ = limits_.configured;
    }

 private:
    Limits limits_;
    std::uint16_t mtu_;
    std::optional<Instant> until_;
};

}  // namespace detour::engine
