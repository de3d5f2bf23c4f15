// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A DPDK device as a port of the box: found or made by its name, configured with a queue pair for
// each worker where the device has them, started once the mirror knows the kernel. Or a VLAN on
// such a device, which shares its queues and its link.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/port/device_name.h"
#include "dataplane/engine/port/packet_ring.h"
#include "dataplane/node/spray.h"
#include "dataplane/packet/ethernet.h"

struct rte_mempool;

namespace detour::engine {

class Port {
 public:
    // The device exists in the EAL afterwards; it does not receive yet.
    [[nodiscard]] static std::expected<Port, Error> open(const model::Port& port,
                                                         const DeviceName& name);
    // A VLAN on the device of another, which is configured and outlives it.
    [[nodiscard]] static Port on(const Port& parent, const model::Port& port);
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
    [[nodiscard]] std::optional<PortId> parent() const { return parent_; }
    [[nodiscard]] std::uint16_t vlan() const { return vlan_; }  // 0: without a parent
    [[nodiscard]] std::uint16_t mtu() const { return mtu_; }
    [[nodiscard]] packet::MacAddress mac() const;
    // A VLAN receives by its parent's queues, and has none.
    [[nodiscard]] std::uint16_t receive_queue_count() const { return receive_queues_; }
    [[nodiscard]] std::uint16_t transmit_queue_count() const { return transmit_queues_; }
    // One socket a receive queue, to sleep on; empty when the driver has none.
    [[nodiscard]] const std::vector<int>& sockets() const { return sockets_; }
    // To be watched while the kernel empties that queue; null: it does not.
    [[nodiscard]] node::SendRing* send_ring(std::size_t queue) const {
        return queue < rings_.size() ? rings_[queue].get() : nullptr;
    }
    // Once, when the kernel has refused to send something.
    void tell_of_refusals();
    // What the device does not spread over the workers' queues by itself.
    [[nodiscard]] node::Spread spread() const { return spread_; }
    // Link state as the driver tells it; meaningless for af_packet and af_xdp, which always say
    // up (lab.md trap 3).
    [[nodiscard]] bool has_link() const;

    // Whether frames may be sent: workers read, the engine's thread writes.
    [[nodiscard]] std::atomic<bool>& is_up() { return *is_up_; }
    [[nodiscard]] const std::atomic<bool>& is_up() const { return *is_up_; }

 private:
    Port() = default;
    void find_rings();

    std::string name_;
    DeviceName device_name_;
    std::optional<PortId> parent_;
    std::uint16_t vlan_ = 0;
    std::uint16_t mtu_ = 1500;
    std::uint16_t device_ = 0;
    std::uint16_t receive_queues_ = 0;
    std::uint16_t transmit_queues_ = 0;
    node::Spread spread_{};
    bool is_open_ = false;
    bool is_started_ = false;
    std::vector<int> sockets_;
    std::vector<std::unique_ptr<PacketRing>> rings_;  // by transmit queue; af_packet only
    bool has_told_of_refusals_ = false;
    std::unique_ptr<std::atomic<bool>> is_up_ = std::make_unique<std::atomic<bool>>(false);
};

// By PortId: devices opened and configured, VLANs upon them. `names` are by PortId, too.
[[nodiscard]] std::expected<std::vector<Port>, Error> open_ports(std::span<const model::Port> ports,
                                                                 std::span<const DeviceName> names,
                                                                 unsigned worker_count,
                                                                 rte_mempool* buffers);

// Descriptors asked for on each queue.
inline constexpr std::uint16_t queue_size = 1024;

}  // namespace detour::engine
