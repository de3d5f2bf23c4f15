// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The pool of packet buffers that all ports and threads share: how many, how large, and how much
// memory that asks of the EAL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "dataplane/engine/error.h"
#include "dataplane/engine/port/device_name.h"

struct rte_mempool;

namespace detour::engine {

struct BufferRequest {
    struct Port {
        const DeviceName& device;
        std::uint16_t mtu;
    };
    std::span<const Port> ports;
    std::size_t worker_count = 1;
};

struct BufferPlan {
    unsigned count = 0;
    std::uint16_t size = 0;  // of a buffer's data, headroom included

    // That a buffer holds behind its headroom and an Ethernet header.
    [[nodiscard]] std::size_t largest_packet() const;
    // For the EAL's -m: the pool, and what rings and drivers take. In ordinary pages no buffer
    // crosses a page's end, so that many share one badly.
    [[nodiscard]] std::size_t huge_megabytes() const;
    [[nodiscard]] std::size_t ordinary_megabytes() const;
};

[[nodiscard]] std::expected<BufferPlan, Error> plan_buffers(const BufferRequest& request);

struct FreeBuffers {
    void operator()(rte_mempool* pool) const;
};
using Buffers = std::unique_ptr<rte_mempool, FreeBuffers>;

[[nodiscard]] std::expected<Buffers, Error> make_buffers(const BufferPlan& plan);

// Slots of the rings between workers and the exchange.
inline constexpr unsigned ring_size = 1024;

}  // namespace detour::engine
