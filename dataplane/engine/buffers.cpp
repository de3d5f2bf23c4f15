// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/buffers.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/engine/port/port.h"
#include "dataplane/node/vector.h"

namespace detour::engine {
namespace {

constexpr std::size_t cache_size = 256;
constexpr std::size_t cache_line = 64;
// Ethernet and one VLAN tag, what a frame has besides the packet.
constexpr std::size_t frame_overhead = RTE_ETHER_HDR_LEN + 4;
// A capture that is played in a loop lies in buffers as a whole.
constexpr unsigned capture_buffers = 32768;

constexpr std::size_t page_size = 4096;
constexpr std::size_t rings_and_drivers = 32;  // megabytes

constexpr std::size_t round_up(std::size_t size, std::size_t step) {
    return (size + step - 1) / step * step;
}

// A buffer with what DPDK puts before and behind it.
std::size_t element_size(const BufferPlan& plan) {
    return plan.size + sizeof(rte_mbuf) + 2 * cache_line;
}

std::size_t megabytes(std::size_t pool) {
    return round_up(pool, 1024 * 1024) / (1024 * 1024) + rings_and_drivers;
}

}  // namespace

std::expected<BufferPlan, Error> plan_buffers(const BufferRequest& request) {
    std::size_t size = RTE_MBUF_DEFAULT_DATAROOM;
    // Per worker: its three rings and those to the other workers full, a burst in hand on the way
    // in and out, and its cache; the same cache for the main thread and the exchange.
    const std::size_t per_worker =
        (2 + request.worker_count) * ring_size + 4 * node::vector_size + cache_size;
    std::size_t count = request.worker_count * per_worker + 2 * cache_size;
    for (const BufferRequest::Port& port : request.ports) {
        size = std::max({size, port.mtu + frame_overhead, port.device.buffer_size(port.mtu)});
        count += request.worker_count * 2 * queue_size;
        if (port.device.driver() == Driver::pcap && port.device.argument("infinite_rx"))
            count += capture_buffers;
    }
    size = round_up(size, cache_line) + RTE_PKTMBUF_HEADROOM;
    if (size > UINT16_MAX)
        return std::unexpected(setup_error(
            fmt::format("a port wants buffers of {} bytes, at most {} are possible: lower its mtu "
                        "or framesz",
                        size, UINT16_MAX)));
    return BufferPlan{.count = static_cast<unsigned>(count),
                      .size = static_cast<std::uint16_t>(size)};
}

std::size_t BufferPlan::largest_packet() const {
    return size - std::size_t{RTE_PKTMBUF_HEADROOM} - RTE_ETHER_HDR_LEN;
}

std::size_t BufferPlan::huge_megabytes() const {
    return megabytes(count * element_size(*this));
}

std::size_t BufferPlan::ordinary_megabytes() const {
    return megabytes(count * round_up(element_size(*this), page_size));
}

void FreeBuffers::operator()(rte_mempool* pool) const {
    rte_mempool_free(pool);
}

std::expected<Buffers, Error> make_buffers(const BufferPlan& plan) {
    Buffers buffers(rte_pktmbuf_pool_create("buffers", plan.count, cache_size, 0, plan.size,
                                            static_cast<int>(rte_socket_id())));
    if (buffers == nullptr)
        return std::unexpected(Error{fmt::format(
            "no memory for {} packet buffers of {} bytes ({}): free some, or reserve hugepages "
            "(sysctl vm.nr_hugepages={})",
            plan.count, plan.size, rte_strerror(rte_errno), plan.huge_megabytes() / 2 + 1)});
    return buffers;
}

}  // namespace detour::engine
