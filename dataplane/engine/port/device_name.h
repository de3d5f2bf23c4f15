// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A port's device as the configuration writes it: a PCI address ("0000:3b:00.0", "3b:00.0") or a
// DPDK virtual device with its arguments ("net_af_packet0,iface=eth2"). Pure text work.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/engine/error.h"

namespace detour::engine {

// Drivers whose device is an interface of the kernel, or that need room of their own; every other
// driver is taken as it is.
enum class Driver : std::uint8_t { pci, af_packet, af_xdp, pcap, other };

class DeviceName {
 public:
    [[nodiscard]] static std::expected<DeviceName, Error> parse(std::string_view text);

    [[nodiscard]] Driver driver() const { return driver_; }
    [[nodiscard]] bool is_pci() const { return driver_ == Driver::pci; }
    // What DPDK calls the device: "0000:3b:00.0", "net_af_packet0".
    [[nodiscard]] const std::string& name() const { return name_; }
    // The value of an argument, the first if it was given twice.
    [[nodiscard]] std::optional<std::string_view> argument(std::string_view key) const;
    // The kernel's interface behind an af_packet or af_xdp port.
    [[nodiscard]] std::optional<std::string> interface() const;
    // Name and arguments as DPDK reads them; for af_packet with the ring frames that a packet of
    // `mtu` needs, unless the configuration names them.
    [[nodiscard]] std::string arguments(std::uint16_t mtu) const;
    // Bytes of a buffer that the driver insists on, without headroom; 0 if it has no wish.
    [[nodiscard]] std::size_t buffer_size(std::uint16_t mtu) const;

 private:
    Driver driver_ = Driver::other;
    std::string name_;
    std::vector<std::pair<std::string, std::string>> arguments_;
};

}  // namespace detour::engine
