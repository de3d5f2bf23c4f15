// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The transmit ring of an af_packet port, watched. The driver writes frames into slots and asks the
// kernel to send; the kernel goes from slot to slot and stops at a frame that the interface refuses
// (a veth whose peer has a smaller MTU, a filter on its way out), to try it again with the next
// request, for ever: what comes behind it never leaves, while the driver calls all of it sent.
//
// What the kernel finds malformed it skips (PACKET_LOSS, which the driver asks for), so a frame
// that was refused for longer than any queue is full is made malformed: its length becomes 1. Only
// the frame is lost, and what was behind it leaves at once.
//
// look() and put() are the worker's that has the queue, refused() is anybody's.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/engine/error.h"
#include "dataplane/engine/port/device_name.h"
#include "dataplane/node/send_ring.h"

namespace detour::engine {

// Slots as the driver lays them out.
struct RingShape {
    std::size_t frame_size;
    std::size_t frame_count;
    std::size_t block_size;

    [[nodiscard]] std::size_t bytes() const {
        return frame_count / (block_size / frame_size) * block_size;
    }
};
[[nodiscard]] RingShape ring_shape(const DeviceName& name, std::uint16_t mtu);

class PacketRing final : public node::SendRing {
 public:
    // Asks the kernel to send what is in the ring; true: it stopped at a frame that it refused.
    using Request = std::function<bool()>;

    // Of a socket that the driver has mapped already.
    [[nodiscard]] static std::expected<std::unique_ptr<PacketRing>, Error> find(
        int socket, const RingShape& shape);
    // `slots` are shape.bytes() octets.
    PacketRing(std::span<std::uint8_t> slots, const RingShape& shape, Request request);

    struct Refused {
        std::uint64_t count = 0;
        std::uint32_t size = 0;  // of the last one
    };
    [[nodiscard]] Refused refused() const {
        return {refused_count_.load(std::memory_order_relaxed),
                refused_size_.load(std::memory_order_relaxed)};
    }

    // A full queue of a slow device moves on sooner.
    static constexpr std::uint64_t patience = 5'000'000;
    static constexpr std::size_t most_at_once = 64;

 private:
    [[nodiscard]] Look look_closer(std::uint64_t now) override;
    [[nodiscard]] std::uint8_t* slot(std::uint64_t number) const;
    [[nodiscard]] bool is_waiting(std::uint64_t number) const;
    // Over what was sent meanwhile.
    void settle();
    void spoil(std::uint64_t number);

    std::span<std::uint8_t> slots_;
    RingShape shape_;
    Request request_;
    std::optional<std::uint64_t> stopped_at_;
    std::uint64_t stopped_since_ = 0;
    bool is_hopeful_ = false;  // a request may help soon; not so while an interface is down
    std::atomic<std::uint64_t> refused_count_{0};
    std::atomic<std::uint32_t> refused_size_{0};
};

}  // namespace detour::engine
