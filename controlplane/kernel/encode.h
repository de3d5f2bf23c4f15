// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// plan's operations -> rtnetlink requests. Every message asks for an acknowledgement; one operation
// may take two messages (a tunnel link cannot be given its alias when it is made).
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/kernel/plan/diff.h"

namespace detour::kernel {

// Requests back to back, as one datagram carries them.
class Batch {
 public:
    // Sequence numbers count on from `sequence`.
    explicit Batch(std::uint32_t sequence) : sequence_(sequence) {}

    // Appends the operation; its messages have the sequence numbers from next_sequence() before to
    // next_sequence() after.
    void add(const plan::Operation& operation);

    [[nodiscard]] std::uint32_t next_sequence() const { return sequence_; }
    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
    friend class Encoder;

    std::uint32_t sequence_;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace detour::kernel
