// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A DPDK device as a port of the box: found or made by its name, configured with a queue pair for
// each worker where the device has them, started once the mirror knows the kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/port/device_name.h"
#include "dataplane/packet/ethernet.h"

struct rte_mempool;

namespace detour::engine {

class Port {
 public:
    // The device exists in the EAL afterwards; it does not receive yet.
    [[nodiscard]] static std::expected<Port, Error> open(const model::Port& port,
                                                         const DeviceName& name);
    ~Port();
    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;

    // Queues for `worker_count` workers, as many as the device has, and MTU.
    [[nodiscard]] std::expected<void, Error> configure(unsigned worker_count, rte_mempool* buffers);
    [[nodiscard]] std::expected<void, Error> start();
    void stop();

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const DeviceName& device_name() const { return device_name_; }
    [[nodiscard]] std::uint16_t device() const { return device_; }  // DPDK's number
    [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
    [[nodiscard]] packet::MacAddress mac() const;
    [[nodiscard]] std::uint16_t receive_queue_count() const { return receive_queues_; }
    [[nodiscard]] std::uint16_t transmit_queue_count() const { return transmit_queues_; }
    // One socket a receive queue, to sleep on; empty when the driver has none.
    [[nodiscard]] const std::vector<int>& sockets() const { return sockets_; }
    // Link state as the driver tells it; meaningless for af_packet and af_xdp, which always say
    // up (lab.md trap 3).
    [[nodiscard]] bool has_link() const;

    // Whether frames may be sent: workers read, the engine's thread writes.
    [[nodiscard]] std::atomic<bool>& is_up() { return *is_up_; }
    [[nodiscard]] const std::atomic<bool>& is_up() const { return *is_up_; }

 private:
    Port() = default;

    std::string name_;
    DeviceName device_name_;
    std::uint16_t mtu_ = 1500;
    std::uint16_t device_ = 0;
    std::uint16_t receive_queues_ = 0;
    std::uint16_t transmit_queues_ = 0;
    bool is_open_ = false;
    bool is_started_ = false;
    std::vector<int> sockets_;
    std::unique_ptr<std::atomic<bool>> is_up_ = std::make_unique<std::atomic<bool>>(false);
};

// Descriptors asked for on each queue.
inline constexpr std::uint16_t queue_size = 1024;

}  // namespace detour::engine
