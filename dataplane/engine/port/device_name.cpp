// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/device_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>

namespace detour::engine {
namespace {

bool is_hexadecimal(std::string_view text, std::size_t size) {
    return text.size() == size &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// [DDDD:]BB:DD.F
std::optional<std::string> pci_address(std::string_view text) {
    std::string_view rest = text;
    std::string_view domain = "0000";
    if (std::ranges::count(text, ':') == 2) {
        domain = rest.substr(0, rest.find(':'));
        rest.remove_prefix(domain.size() + 1);
    }
    if (!is_hexadecimal(domain, 4) || rest.size() != 7 || rest[2] != ':' || rest[5] != '.' ||
        !is_hexadecimal(rest.substr(0, 2), 2) || !is_hexadecimal(rest.substr(3, 2), 2) ||
        rest[6] < '0' || rest[6] > '7')
        return std::nullopt;
    std::string address = fmt::format("{}:{}", domain, rest);
    std::ranges::transform(address, address.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return address;
}

Driver driver_of(std::string_view name) {
    if (name.starts_with("net_af_packet"))
        return Driver::af_packet;
    if (name.starts_with("net_af_xdp"))
        return Driver::af_xdp;
    if (name.starts_with("net_pcap"))
        return Driver::pcap;
    return Driver::other;
}

constexpr std::size_t page_size = 4096;
constexpr std::size_t usual_frame_size = 2048;  // the driver's own choice
// Of a ring, one each way. The driver's own choice holds 512 frames: a millisecond of 500,000
// packets a second, and a worker that shares its core is not woken sooner (38 % of a flood were
// lost there, BFD among them; with 2,048 frames 9 %). More takes longer to start: the kernel clears
// all of it.
constexpr std::size_t ring_bytes = 4U << 20U;
constexpr std::size_t least_frames = 512;
// What the kernel puts before a frame in the ring (TPACKET2_HDRLEN, aligned), and an Ethernet
// header with a VLAN tag.
constexpr std::size_t frame_overhead = 80 + 18;

std::size_t frame_size(std::uint16_t mtu) {
    return std::max(usual_frame_size, std::bit_ceil(mtu + frame_overhead));
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::expected<DeviceName, Error> DeviceName::parse(std::string_view text) {
    DeviceName device;
    if (const auto pci = pci_address(text)) {
        device.driver_ = Driver::pci;
        device.name_ = *pci;
        return device;
    }
    const std::size_t comma = std::min(text.find(','), text.size());
    device.name_ = text.substr(0, comma);
    if (!device.name_.starts_with("net_"))
        return std::unexpected(setup_error(
            fmt::format("device {:?} is neither a PCI address (0000:3b:00.0) nor a DPDK device "
                        "(net_af_packet0,iface=eth1)",
                        text)));
    device.driver_ = driver_of(device.name_);
    for (std::string_view rest = text.substr(comma); !rest.empty();) {
        rest.remove_prefix(1);
        const std::string_view pair = rest.substr(0, rest.find(','));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        device.arguments_.emplace_back(pair.substr(0, equals),
                                       pair.substr(std::min(equals + 1, pair.size())));
        rest.remove_prefix(pair.size());
    }
    const bool needs_interface =
        device.driver_ == Driver::af_packet || device.driver_ == Driver::af_xdp;
    if (needs_interface && device.argument("iface").value_or("").empty())
        return std::unexpected(setup_error(
            fmt::format("device {:?} names no interface: {},iface=eth1", text, device.name_)));
    return device;
}

std::optional<std::string_view> DeviceName::argument(std::string_view key) const {
    for (const auto& [name, value] : arguments_)
        if (name == key)
            return value;
    return std::nullopt;
}

std::optional<std::string> DeviceName::interface() const {
    if (driver_ != Driver::af_packet && driver_ != Driver::af_xdp)
        return std::nullopt;
    return std::string(*argument("iface"));
}

std::string DeviceName::arguments(std::uint16_t mtu) const {
    std::string text = name_;
    for (const auto& [key, value] : arguments_)
        text += value.empty() ? fmt::format(",{}", key) : fmt::format(",{}={}", key, value);
    if (driver_ != Driver::af_packet)
        return text;
    const std::size_t size = frame_size(mtu);
    if (size > usual_frame_size && !argument("framesz"))
        text += fmt::format(",framesz={},blocksz={}", size, std::max(size, page_size));
    if (!argument("framesz") && !argument("framecnt"))
        text += fmt::format(",framecnt={}", std::max(least_frames, ring_bytes / size));
    return text;
}

std::size_t DeviceName::buffer_size(std::uint16_t mtu) const {
    if (driver_ != Driver::af_packet)
        return 0;
    const auto given = argument("framesz");
    return given ? number(*given) : frame_size(mtu);
}

}  // namespace detour::engine
