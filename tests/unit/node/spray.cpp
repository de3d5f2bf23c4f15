// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/node/spray.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <deque>
#include <map>

#include "dataplane/node/punt.h"
#include "tests/unit/node/rig.h"

namespace detour::node::test {
namespace {

constexpr std::size_t worker_count = 3;

struct FreeRing {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};

// Worker 1 of three, whose rings hold `room` frames each.
class Bench {
 public:
    explicit Bench(unsigned room) {
        for (std::size_t i = 0; i < worker_count; ++i) {
            rings.emplace_back(rte_ring_create(fmt::format("spray{}", i).c_str(), room,
                                               SOCKET_ID_ANY, RING_F_EXACT_SZ));
            REQUIRE(rings.back() != nullptr);
            workers.push_back({.ring = i == 1 ? nullptr : rings[i].get(), .bell = &bell});
        }
    }
    // Frame `number` of a flow.
    rte_mbuf* frame_of(std::uint8_t flow, std::uint8_t number) {
        Bytes datagram(9);  // the ports are a flow's own
        datagram.back() = number;
        const Ipv4 packet{
            .source = "203.0.113." + std::to_string(flow), .protocol = 17, .payload = datagram};
        Bytes& bytes = frames.emplace_back(frame(lan_mac, host_mac, packet));
        rte_mbuf& mbuf = mbufs.emplace_back();
        mbuf.buf_addr = bytes.data();
        mbuf.data_len = static_cast<std::uint16_t>(bytes.size());
        return &mbuf;
    }
    static std::pair<std::uint8_t, std::uint8_t> read(const rte_mbuf* mbuf) {
        const auto* const bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        return {bytes[14 + 15], bytes[mbuf->data_len - 1]};
    }
    // In the order in which they lie there, which must be each flow's own.
    void note(std::size_t worker, const rte_mbuf* mbuf) {
        const auto [flow, number] = read(mbuf);
        const auto known = seen.find(flow);
        if (known != seen.end()) {
            CHECK(known->second.first == worker);
            CHECK(known->second.second < number);
        }
        seen[flow] = {worker, number};
        ++per_worker[worker];
    }
    void drain() {
        for (std::size_t i = 0; i < worker_count; ++i) {
            void* element = nullptr;
            while (rte_ring_dequeue(rings[i].get(), &element) == 0) {
                CHECK(origin_of(static_cast<rte_mbuf*>(element)) == Origin(wan));
                note(i, static_cast<rte_mbuf*>(element));
            }
        }
    }

    Rig rig;  // starts the EAL, of which rings are
    Bell bell;
    std::vector<std::unique_ptr<rte_ring, FreeRing>> rings;
    std::vector<Neighbour> workers;
    std::deque<Bytes> frames;
    std::deque<rte_mbuf> mbufs;
    std::map<std::uint8_t, std::pair<std::size_t, std::uint8_t>> seen;  // flow -> worker, number
    std::array<std::size_t, worker_count> per_worker{};
    Counters counters{Extent{}};
};

TEST_CASE("every flow has one worker, keeps its order, and all workers have some") {
    Bench bench(1024);
    Spray spray(bench.workers, bench.counters);
    std::size_t own = 0;
    for (std::uint8_t number = 0; number < 8; ++number) {
        std::vector<rte_mbuf*> burst;
        for (std::uint8_t flow = 0; flow < vector_size; ++flow)
            burst.push_back(bench.frame_of(flow, number));
        const auto shares = spray.share(wan, Spread::everything, burst);
        CHECK(shares.refused.empty());
        own += shares.own.size();
        for (const rte_mbuf* mbuf : shares.own)
            bench.note(1, mbuf);
        bench.drain();
    }
    CHECK(bench.per_worker[0] + bench.per_worker[1] + bench.per_worker[2] == 8 * vector_size);
    for (const std::size_t count : bench.per_worker)
        CHECK(count >= 8 * 4);
    CHECK(bench.counters.handed_over.get() == 8 * vector_size - own);
}

TEST_CASE("what the device has spread stays, but for what is inside tunnels") {
    Bench bench(1024);
    Spray spray(bench.workers, bench.counters);
    std::vector<rte_mbuf*> burst;
    for (std::uint8_t flow = 0; flow < vector_size; ++flow)
        burst.push_back(bench.frame_of(flow, 0));
    const auto shares = spray.share(wan, Spread::tunnelled, burst);
    CHECK(std::vector(shares.own.begin(), shares.own.end()) == burst);
}

TEST_CASE("a worker that is behind refuses what its ring cannot hold") {
    Bench bench(2);
    Spray spray(bench.workers, bench.counters);
    std::vector<rte_mbuf*> burst;
    for (std::uint8_t flow = 0; flow < vector_size; ++flow)
        burst.push_back(bench.frame_of(flow, 0));
    const auto shares = spray.share(wan, Spread::everything, burst);
    const std::size_t held =
        rte_ring_count(bench.rings[0].get()) + rte_ring_count(bench.rings[2].get());
    CHECK(held == 4);
    CHECK(shares.own.size() + shares.refused.size() + held == vector_size);
}

}  // namespace
}  // namespace detour::node::test
