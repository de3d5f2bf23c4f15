// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

#include "dataplane/engine/log.h"

namespace detour::engine {
namespace {

// Packet and XDP sockets of this process: what those drivers poll.
std::set<int> packet_sockets() {
    std::set<int> sockets;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
        const std::string name = entry.path().filename();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        int domain = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
            (domain == AF_PACKET || domain == AF_XDP))
            sockets.insert(fd);
    }
    return sockets;
}

Error device_error(const std::string& port, const std::string& what, int error) {
    return {fmt::format("port {}: {}: {}", port, what, std::strerror(error < 0 ? -error : error))};
}

std::string advice(const DeviceName& name) {
    if (name.is_pci())
        return fmt::format(
            "is it bound to a driver for user space (dpdk-devbind.py --bind=vfio-pci {}), and is "
            "its PMD installed (package librte-net-...)?",
            name.name());
    return "is its driver installed (package librte-net-...), and are its arguments right?";
}

// Receive side scaling over addresses and ports, of what is inside tunnels where the device can see
// it; when there is more than one queue to fill.
rte_eth_conf configuration(const rte_eth_dev_info& device, std::uint16_t mtu,
                           std::uint16_t receive_queues) {
    rte_eth_conf configuration{};
    configuration.rxmode.mtu = mtu;
    const std::uint64_t scaling =
        (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) & device.flow_type_rss_offloads;
    if (receive_queues > 1 && scaling != 0) {
        configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        configuration.rx_adv_conf.rss_conf.rss_hf =
            scaling | (device.flow_type_rss_offloads & RTE_ETH_RSS_LEVEL_INNERMOST);
    }
    // All buffers are of one pool, and nobody holds a second reference to one.
    configuration.txmode.offloads = device.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    return configuration;
}

// What is left to spread in software when the device was configured so.
node::Spread spread_of(const rte_eth_conf& configuration, std::uint16_t queues, unsigned workers) {
    if (workers == 1)
        return node::Spread::nothing;
    if (configuration.rxmode.mq_mode != RTE_ETH_MQ_RX_RSS || queues < workers)
        return node::Spread::everything;
    const std::uint64_t level = RTE_ETH_RSS_LEVEL(configuration.rx_adv_conf.rss_conf.rss_hf);
    return level >= 2 ? node::Spread::nothing : node::Spread::tunnelled;
}

}  // namespace

std::expected<Port, Error> Port::open(const model::Port& port, const DeviceName& name) {
    Port result;
    result.name_ = port.name;
    result.device_name_ = name;
    result.mtu_ = port.mtu;
    const std::set<int> before = packet_sockets();
    if (rte_eth_dev_get_port_by_name(name.name().c_str(), &result.device_) != 0) {
        const int error = rte_dev_probe(name.arguments(port.mtu).c_str());
        if (error != 0 || rte_eth_dev_get_port_by_name(name.name().c_str(), &result.device_) != 0)
            return std::unexpected(
                setup_error(fmt::format("port {}: DPDK cannot open {}: {}", port.name,
                                        name.arguments(port.mtu), advice(name))));
    } else if (!name.is_pci()) {
        return std::unexpected(setup_error(
            fmt::format("port {}: another port has device {} already: give each its own number",
                        port.name, name.name())));
    }
    result.is_open_ = true;
    std::ranges::set_difference(packet_sockets(), before, std::back_inserter(result.sockets_));
    return result;
}

Port Port::on(const Port& parent, const model::Port& port) {
    Port result;
    result.name_ = port.name;
    result.device_name_ = parent.device_name_;
    result.parent_ = port.parent;
    result.vlan_ = port.vlan;
    result.mtu_ = port.mtu;
    result.device_ = parent.device_;
    result.transmit_queues_ = parent.transmit_queues_;
    return result;
}

Port::Port(Port&& other) noexcept
    : name_(std::move(other.name_)),
      device_name_(std::move(other.device_name_)),
      parent_(other.parent_),
      vlan_(other.vlan_),
      mtu_(other.mtu_),
      device_(other.device_),
      receive_queues_(other.receive_queues_),
      transmit_queues_(other.transmit_queues_),
      spread_(other.spread_),
      is_open_(std::exchange(other.is_open_, false)),
      is_started_(std::exchange(other.is_started_, false)),
      sockets_(std::move(other.sockets_)),
      rings_(std::move(other.rings_)),
      has_told_of_refusals_(other.has_told_of_refusals_),
      is_up_(std::move(other.is_up_)) {}

Port::~Port() {
    if (!is_open_)
        return;
    stop();
    rte_eth_dev_close(device_);
}

std::expected<void, Error> Port::configure(unsigned worker_count, rte_mempool* buffers) {
    rte_eth_dev_info device{};
    if (const int error = rte_eth_dev_info_get(device_, &device); error != 0)
        return std::unexpected(device_error(name_, "cannot ask the device", error));
    if (mtu_ < device.min_mtu || mtu_ > device.max_mtu)
        return std::unexpected(
            setup_error(fmt::format("port {}: the device takes an MTU from {} to {}, not {}", name_,
                                    device.min_mtu, device.max_mtu, mtu_)));
    const auto workers = static_cast<std::uint16_t>(worker_count);
    receive_queues_ = std::min(workers, device.max_rx_queues);
    transmit_queues_ = std::min(workers, device.max_tx_queues);
    // Behind af_packet and af_xdp the kernel's interface has the MTU; af_packet would refuse any
    // but the usual one here, whatever its frames hold.
    const std::uint16_t device_mtu = device_name_.interface() ? std::uint16_t{0} : mtu_;
    const rte_eth_conf settings = configuration(device, device_mtu, receive_queues_);
    spread_ = spread_of(settings, receive_queues_, worker_count);
    const std::set<int> before = packet_sockets();
    if (const int error =
            rte_eth_dev_configure(device_, receive_queues_, transmit_queues_, &settings);
        error != 0)
        return std::unexpected(device_error(name_, "cannot configure the device", error));
    std::uint16_t receive_size = queue_size;
    std::uint16_t transmit_size = queue_size;
    rte_eth_dev_adjust_nb_rx_tx_desc(device_, &receive_size, &transmit_size);
    const int socket = rte_eth_dev_socket_id(device_);
    for (std::uint16_t queue = 0; queue < receive_queues_; ++queue)
        if (const int error = rte_eth_rx_queue_setup(
                device_, queue, receive_size, static_cast<unsigned>(socket), nullptr, buffers);
            error != 0)
            return std::unexpected(device_error(name_, "cannot set up a receive queue", error));
    for (std::uint16_t queue = 0; queue < transmit_queues_; ++queue)
        if (const int error = rte_eth_tx_queue_setup(device_, queue, transmit_size,
                                                     static_cast<unsigned>(socket), nullptr);
            error != 0)
            return std::unexpected(device_error(name_, "cannot set up a transmit queue", error));
    std::ranges::set_difference(packet_sockets(), before, std::back_inserter(sockets_));
    if (device_name_.driver() == Driver::af_packet)
        find_rings();
    return {};
}

// Without them the port works, and one frame that the kernel refuses can end that.
void Port::find_rings() {
    for (const int socket : sockets_) {
        auto ring = PacketRing::find(socket, ring_shape(device_name_, mtu_));
        if (!ring) {
            say("port {}: what the kernel refuses to send may stop it: {}", name_,
                ring.error().message);
            rings_.clear();
            return;
        }
        rings_.push_back(std::move(*ring));
    }
}

void Port::tell_of_refusals() {
    for (const auto& ring : rings_) {
        const PacketRing::Refused refused = ring->refused();
        if (refused.count == 0 || std::exchange(has_told_of_refusals_, true))
            continue;
        say("port {}: the kernel refuses to send some frames, one of {} octets: has the far end "
            "of {} a smaller MTU, or is there a filter? (counted as transmit-refused)",
            name_, refused.size, *device_name_.interface());
    }
}

std::expected<void, Error> Port::start() {
    if (parent_)
        return {};
    if (const int error = rte_eth_dev_start(device_); error != 0)
        return std::unexpected(device_error(name_, "cannot start the device", error));
    is_started_ = true;
    return {};
}

void Port::stop() {
    if (std::exchange(is_started_, false))
        rte_eth_dev_stop(device_);
}

packet::MacAddress Port::mac() const {
    rte_ether_addr address{};
    rte_eth_macaddr_get(device_, &address);
    packet::MacAddress mac{};
    std::ranges::copy(address.addr_bytes, mac.begin());
    return mac;
}

bool Port::has_link() const {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(device_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::expected<std::vector<Port>, Error> open_ports(std::span<const model::Port> ports,
                                                   std::span<const DeviceName> names,
                                                   unsigned worker_count, rte_mempool* buffers) {
    // A VLAN may be listed before its parent.
    std::vector<std::optional<Port>> opened(ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].parent)
            continue;
        auto port = Port::open(ports[i], names[i]);
        if (!port)
            return std::unexpected(port.error());
        if (auto configured = port->configure(worker_count, buffers); !configured)
            return std::unexpected(configured.error());
        opened[i].emplace(std::move(*port));
    }
    std::vector<Port> result;
    result.reserve(ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (!ports[i].parent)
            result.push_back(std::move(*opened[i]));
        else if (const std::size_t parent = ports[i].parent->value; opened[parent])
            result.push_back(Port::on(parent < i ? result[parent] : *opened[parent], ports[i]));
    }
    return result;
}

}  // namespace detour::engine
