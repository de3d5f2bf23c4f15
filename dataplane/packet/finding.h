// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a validator found: go on, drop for a named reason, or hand to the kernel for a named reason.
// Two bytes, so that a worker keeps a burst of them in one cache line.
#pragma once

#include <cstdint>

#include "dataplane/packet/reason.h"

namespace detour::packet {

class Finding {
 public:
    // Nothing wrong: go on.
    constexpr Finding() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): ladders read `return Drop::truncated;`
    constexpr Finding(Drop reason) : code_(drop_base | static_cast<std::uint16_t>(reason)) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    constexpr Finding(Punt reason) : code_(punt_base | static_cast<std::uint16_t>(reason)) {}

    [[nodiscard]] constexpr bool is_ok() const { return code_ == 0; }
    [[nodiscard]] constexpr bool is_drop() const { return (code_ & drop_base) != 0; }
    [[nodiscard]] constexpr bool is_punt() const { return (code_ & punt_base) != 0; }
    // Meaningful when is_drop().
    [[nodiscard]] constexpr Drop drop() const { return static_cast<Drop>(code_ & 0xff); }
    // Meaningful when is_punt().
    [[nodiscard]] constexpr Punt punt() const { return static_cast<Punt>(code_ & 0xff); }

    friend constexpr bool operator==(const Finding&, const Finding&) = default;

 private:
    static constexpr std::uint16_t drop_base = 0x100;
    static constexpr std::uint16_t punt_base = 0x200;

    std::uint16_t code_ = 0;
};

}  // namespace detour::packet
