// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/worker/exchange.h"

#include <pthread.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace detour::engine {
namespace {

// A round writes at most so many first-class punts and so many others per worker, and reads so many
// frames per twin: none can hold up the rest for more than a few hundred microseconds.
constexpr std::size_t first_class_budget = 64;
constexpr std::size_t bulk_budget = 32;
constexpr std::size_t read_budget = 32;
constexpr std::size_t events_at_once = 64;

void set_descriptor(std::vector<int>& by_index, const ExchangeTwin& twin) {
    const std::size_t index = twin.origin.index();
    by_index.resize(std::max(by_index.size(), index + 1), -1);
    by_index[index] = twin.descriptor;
}

}  // namespace

Exchange::Exchange(std::vector<ExchangeTwin> twins, std::vector<node::PuntRings> punts,
                   node::Bell& bell, rte_mempool* buffers)
    : twins_(std::move(twins)),
      punts_(std::move(punts)),
      bell_(bell),
      buffers_(buffers),
      poll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    epoll_ctl(poll_.get(), EPOLL_CTL_ADD, bell_.descriptor(), &event);
    for (ExchangeTwin& twin : twins_) {
        set_descriptor(twin.origin.is_tunnel() ? tun_descriptors_ : tap_descriptors_, twin);
        event.data.ptr = &twin;
        epoll_ctl(poll_.get(), EPOLL_CTL_ADD, twin.descriptor, &event);
    }
}

Exchange::~Exchange() {
    stop();
}

void Exchange::start() {
    thread_ = std::thread([this] { run(); });
}

void Exchange::stop() {
    if (!thread_.joinable())
        return;
    must_stop_.store(true, std::memory_order_relaxed);
    bell_.ring();
    thread_.join();
}

void Exchange::run() {
    pthread_setname_np(pthread_self(), "detour-exchange");
    // Registered, the thread has a buffer cache of its own; without, it works but slower.
    rte_thread_register();
    std::array<const ExchangeTwin*, events_at_once> ready{};
    while (!must_stop_.load(std::memory_order_relaxed)) {
        std::size_t moved = 0;
        for (const node::PuntRings& rings : punts_)
            moved += write_punts(rings.first_class, first_class_budget);
        for (const node::PuntRings& rings : punts_)
            moved += write_punts(rings.bulk, bulk_budget);
        std::size_t ready_count = 0;
        wait(ready, ready_count, moved == 0);
        for (const ExchangeTwin* twin : std::span(ready).first(ready_count))
            moved += read_twin(*twin);
        drops_.flush();
    }
    rte_thread_unregister();
}

bool Exchange::has_punts() const {
    return std::ranges::any_of(punts_, [](const node::PuntRings& rings) {
        return rte_ring_empty(rings.first_class) == 0 || rte_ring_empty(rings.bulk) == 0;
    });
}

void Exchange::wait(std::span<const ExchangeTwin*> ready, std::size_t& ready_count,
                    bool may_sleep) {
    std::array<epoll_event, events_at_once> events{};
    const bool is_announced = may_sleep;
    if (is_announced) {
        bell_.announce();
        may_sleep = !has_punts() && !must_stop_.load(std::memory_order_relaxed);
    }
    const int count =
        epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), may_sleep ? -1 : 0);
    if (is_announced)
        bell_.answer();
    for (int i = 0; i < count; ++i)
        if (const auto* twin =
                static_cast<const ExchangeTwin*>(events[static_cast<std::size_t>(i)].data.ptr);
            twin != nullptr)
            ready[ready_count++] = twin;
}

std::size_t Exchange::write_punts(rte_ring* ring, std::size_t budget) {
    std::array<rte_mbuf*, std::max(first_class_budget, bulk_budget)> mbufs{};
    void** const elements = reinterpret_cast<void**>(mbufs.data());
    const unsigned count =
        rte_ring_sc_dequeue_burst(ring, elements, static_cast<unsigned>(budget), nullptr);
    for (rte_mbuf* mbuf : std::span(mbufs).first(count))
        write_punt(mbuf);
    return count;
}

void Exchange::write_punt(rte_mbuf* mbuf) {
    const node::Origin origin = node::origin_of(mbuf);
    const auto& descriptors = origin.is_tunnel() ? tun_descriptors_ : tap_descriptors_;
    const ssize_t written =
        write(descriptors[origin.index()], rte_pktmbuf_mtod(mbuf, const void*), mbuf->data_len);
    // The kernel takes a packet whole or not: not when the interface is down, or has no memory.
    if (written < 0)
        drops_.drop(mbuf, packet::Drop::punt_full);
    else
        rte_pktmbuf_free(mbuf);
}

// Its interface was deleted: nothing can come from it, and it would keep us from sleeping.
void Exchange::lose(const ExchangeTwin& twin) {
    epoll_ctl(poll_.get(), EPOLL_CTL_DEL, twin.descriptor, nullptr);
    has_lost_twin_.store(true, std::memory_order_relaxed);
}

std::size_t Exchange::read_twin(const ExchangeTwin& twin) {
    std::array<rte_mbuf*, read_budget> mbufs{};
    std::size_t count = 0;
    while (count < read_budget) {
        rte_mbuf* const mbuf = rte_pktmbuf_alloc(buffers_);
        if (mbuf == nullptr) {
            counters_.drops[static_cast<std::size_t>(packet::Drop::no_buffer)].add(1);
            break;
        }
        const ssize_t size =
            read(twin.descriptor, rte_pktmbuf_mtod(mbuf, void*), rte_pktmbuf_tailroom(mbuf));
        if (size <= 0) {
            rte_pktmbuf_free(mbuf);
            if (size < 0 && errno == EBADFD)
                lose(twin);
            break;
        }
        mbuf->data_len = static_cast<std::uint16_t>(size);
        mbuf->pkt_len = static_cast<std::uint32_t>(size);
        node::set_origin(mbuf, twin.origin);
        mbufs[count++] = mbuf;
    }
    if (count == 0)
        return 0;
    void* const* const elements = reinterpret_cast<void* const*>(mbufs.data());
    const unsigned taken =
        rte_ring_sp_enqueue_burst(twin.injections, elements, static_cast<unsigned>(count), nullptr);
    twin.bell->ring();
    for (rte_mbuf* mbuf : std::span(mbufs).subspan(taken, count - taken))
        drops_.drop(mbuf, packet::Drop::transmit_full);
    return count;
}

}  // namespace detour::engine
