// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A transmit queue that the driver fills and the kernel empties, in order, and in which a frame
// that the kernel refuses would keep all others waiting for ever. The worker that has the queue
// tells what was put there, and once a round looks what became of it. What such a queue is made of
// is the engine's business (engine/port/packet_ring.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace detour::node {

class SendRing {
 public:
    struct Look {
        std::size_t refused = 0;  // frames that the kernel would not have, and that are gone now
        bool is_waiting = false;  // others wait behind one: look again soon
    };

    virtual ~SendRing() = default;

    // The driver drops larger ones instead of putting them there.
    [[nodiscard]] std::size_t largest_frame() const { return largest_frame_; }
    void put(std::size_t count) { put_ += count; }
    // Cheap where nothing was put since the last look. `now` in nanoseconds.
    [[nodiscard]] Look look(std::uint64_t now) {
        return put_ == settled_ ? Look{} : look_closer(now);
    }

 protected:
    explicit SendRing(std::size_t largest_frame) : largest_frame_(largest_frame) {}
    SendRing(const SendRing&) = default;
    SendRing& operator=(const SendRing&) = default;

    [[nodiscard]] virtual Look look_closer(std::uint64_t now) = 0;

    // Frames since the beginning, by number.
    std::uint64_t put_ = 0;
    std::uint64_t settled_ = 0;  // the first that may still wait

 private:
    std::size_t largest_frame_;
};

}  // namespace detour::node
