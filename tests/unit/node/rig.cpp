// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/node/rig.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/gre.h"

namespace detour::node::test {
namespace {

// Once a process: no hugepages, no devices, nothing shared with anybody.
void start_eal() {
    static const bool is_started = [] {
        std::array arguments{"test_node",      "--no-huge",         "--no-shconf", "--no-pci",
                             "--no-telemetry", "--log-level=error", "-m",          "64",
                             "--lcores=0"};
        std::vector<std::string> texts(arguments.begin(), arguments.end());
        texts.push_back(fmt::format("--file-prefix=test-node-{}", getpid()));
        std::vector<char*> pointers;
        for (std::string& text : texts)
            pointers.push_back(text.data());
        REQUIRE(rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0);
        std::atexit([] { rte_eal_cleanup(); });
        return true;
    }();
    REQUIRE(is_started);
}

struct FreeRing {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
struct FreePool {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Ring = std::unique_ptr<rte_ring, FreeRing>;

Ring make_ring(const char* name) {
    Ring ring(rte_ring_create(name, 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
    REQUIRE(ring != nullptr);
    return ring;
}

Bytes bytes_of(const rte_mbuf* mbuf) {
    const auto* const data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    return {data, data + mbuf->data_len};
}

void put_header(fib::Adjacency& next, const packet::MacAddress& to,
                const packet::MacAddress& from) {
    const auto header = packet::build_ethernet_header(to, from, Family::ipv4);
    std::memcpy(next.header.data(), &header, sizeof header);
    next.header_size = sizeof header;
}

fib::Adjacency forward_to(PortId port, const packet::MacAddress& to,
                          const packet::MacAddress& from) {
    fib::Adjacency next;
    next.verb = fib::Verb::forward;
    next.port = port.value;
    next.mtu = 1500;
    put_header(next, to, from);
    return next;
}

packet::GreEndpoint endpoint4() {
    return {.local = Address::ipv4(0xc0000242), .remote = Address::ipv4(0xc0000241), .key = 7};
}
packet::GreEndpoint endpoint6() {
    return {.local = *Address::parse("2001:db8:66::2"),
            .remote = *Address::parse("2001:db8:66::1"),
            .key = 9};
}

fib::Adjacency into_tunnel(const packet::GreEndpoint& endpoint, fib::TunnelIndex tunnel) {
    fib::Adjacency next = forward_to(wan, gateway_mac, wan_mac);
    const auto outer = packet::build_gre_template(endpoint);
    const auto header =
        packet::build_ethernet_header(gateway_mac, wan_mac, endpoint.local.family());
    std::memcpy(next.header.data(), &header, sizeof header);
    next.verb = fib::Verb::tunnel;
    next.outer_offset = next.header_size;
    std::memcpy(next.header.data() + next.header_size, outer.bytes.data(), outer.size);
    next.header_size = static_cast<std::uint8_t>(next.header_size + outer.size);
    next.checksum = outer.checksum;
    next.mtu = 1472;
    next.uplink = 1;
    next.tunnel = tunnel.value;
    next.options = endpoint.options();
    return next;
}

fib::Adjacency ending(fib::Verb verb, auto reason) {
    fib::Adjacency next;
    next.verb = verb;
    next.reason = static_cast<std::uint8_t>(reason);
    return next;
}

std::shared_ptr<const fib::Table> table(
    const std::vector<std::pair<const char*, std::uint16_t>>& routes) {
    std::vector<std::pair<Prefix, fib::LeafIndex>> entries;
    for (const auto& [text, leaf] : routes)
        entries.emplace_back(*Prefix::parse(text), leaf);
    return std::make_shared<fib::Table>(entries.front().first.family(), entries);
}

fib::ForwardingState story() {
    fib::ForwardingState state;
    state.adjacencies = {
        ending(fib::Verb::drop, Drop::no_route),       forward_to(lan, host_mac, lan_mac),
        forward_to(wan, gateway_mac, wan_mac),         into_tunnel(endpoint4(), partner),
        ending(fib::Verb::punt, Punt::local),          ending(fib::Verb::drop, Drop::blackhole),
        ending(fib::Verb::punt, Punt::unresolved),     ending(fib::Verb::group, 0),
        into_tunnel(endpoint6(), fib::TunnelIndex(1)),
    };
    state.adjacencies[next_gateway].uplink = 0;
    state.adjacencies[next_group].group_size = 2;
    state.buckets = {next_gateway, next_tunnel};
    for (std::uint16_t next = 0; next < next_free; ++next)
        state.leaves.push_back({.adjacency = next});
    state.leaves[next_host].set = 0;
    state.leaves[next_tunnel].set = 0;
    state.leaves[next_tunnel6].set = 0;

    const auto in4 = table({{"0.0.0.0/0", next_blackhole},
                            {"198.51.100.0/24", next_host},
                            {"192.0.2.66/32", next_local},
                            {"198.51.100.99/32", next_unresolved}});
    const auto in6 = table({{"::/0", next_blackhole},
                            {"2001:db8:77::/48", next_host},
                            {"2001:db8:77::99/128", next_unresolved},
                            {"2001:db8:1::2/128", next_local},
                            {"2001:db8:66::2/128", next_local}});
    state.ports.resize(2);
    state.ports[lan.value].mac = lan_mac;
    state.ports[lan.value].is_up = true;
    state.ports[lan.value].programs = {
        fib::Program{
            .destination = table({{"10.1.0.1/32", next_local}, {"198.51.100.0/24", next_host}}),
            .source = table({{"198.51.100.0/24", next_tunnel}, {"198.51.101.0/24", next_tunnel6}}),
            .fallback = table({{"203.0.113.0/24", next_gateway}})},
        fib::Program{.destination = table(
                         {{"2001:db8:10::1/128", next_local}, {"2001:db8:77::/48", next_host}}),
                     .source = table(
                         {{"2001:db8:77::/48", next_tunnel}, {"2001:db8:78::/48", next_tunnel6}}),
                     .fallback = table({{"2001:db8:3::/48", next_gateway}})}};
    state.ports[wan.value].mac = wan_mac;
    state.ports[wan.value].is_up = true;
    state.ports[wan.value].uplink = 0;
    state.ports[wan.value].programs = {fib::Program{in4, nullptr, nullptr},
                                       fib::Program{in6, nullptr, nullptr}};
    state.tunnels.resize(2);
    for (fib::Ingress& tunnel : state.tunnels) {
        tunnel.is_up = true;
        tunnel.uplink = 1;
        tunnel.programs = state.ports[wan.value].programs;
    }
    state.tunnel_ends = {{.local = Address::ipv4(0xc0000242),
                          .remote = Address::ipv4(0xc0000241),
                          .key = 7,
                          .adjacency = next_tunnel},
                         {.local = endpoint6().local,
                          .remote = endpoint6().remote,
                          .key = 9,
                          .adjacency = next_tunnel6}};
    return state;
}

}  // namespace

struct Rig::Plumbing {
    explicit Plumbing(Rig& rig)
        : finder(std::array{TunnelEnds{Address::ipv4(0xc0000242), Address::ipv4(0xc0000241), 7},
                            TunnelEnds{endpoint6().local, endpoint6().remote, 9}}),
          outlets{Outlet{.relay = lan_ring.get(), .bell = &bell, .is_up = &is_lan_up},
                  Outlet{.relay = wan_ring.get(), .bell = &bell, .is_up = &rig.is_wan_up}},
          pipeline(finder, rig.counters, outlets,
                   {.first_class = first_class.get(), .bulk = bulk.get(), .bell = &bell}) {}

    // Takes everything out of a ring.
    template <class Take>
    void drain(const Ring& ring, Take take) {
        void* element = nullptr;
        while (rte_ring_dequeue(ring.get(), &element) == 0) {
            auto* const mbuf = static_cast<rte_mbuf*>(element);
            CHECK(mbuf->pkt_len == mbuf->data_len);
            take(mbuf);
            rte_pktmbuf_free(mbuf);
        }
    }
    std::vector<Punted> punted(const Ring& ring) {
        std::vector<Punted> result;
        drain(ring, [&](const rte_mbuf* mbuf) {
            result.push_back({origin_of(mbuf), bytes_of(mbuf)});
        });
        return result;
    }
    rte_mbuf* buffer(const Bytes& bytes) {
        rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool.get());
        REQUIRE(mbuf != nullptr);
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())),
                    bytes.data(), bytes.size());
        return mbuf;
    }

    std::unique_ptr<rte_mempool, FreePool> pool{
        rte_pktmbuf_pool_create("rig", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY)};
    Ring lan_ring = make_ring("lan");
    Ring wan_ring = make_ring("wan");
    Ring first_class = make_ring("first");
    Ring bulk = make_ring("bulk");
    std::atomic<bool> is_lan_up{true};
    Bell bell;
    TunnelFinder finder;
    std::array<Outlet, 2> outlets;
    Pipeline pipeline;
};

Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from, std::uint16_t type,
            const Bytes& payload) {
    Bytes bytes(to.begin(), to.end());
    bytes.insert(bytes.end(), from.begin(), from.end());
    ByteWriter(bytes).u16(type);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from, const Ipv4& packet) {
    return frame(to, from, 0x0800, packet.bytes());
}

Bytes frame(const packet::MacAddress& to, const packet::MacAddress& from, const Ipv6& packet) {
    return frame(to, from, 0x86dd, packet.bytes());
}

Bytes gre(std::uint16_t flags, std::uint16_t protocol, std::optional<std::uint32_t> key,
          const Bytes& inner) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.u16(flags);
    writer.u16(protocol);
    if (key)
        writer.u32(*key);
    writer.bytes(inner);
    return bytes;
}

Ipv4 from_partner(const Bytes& inner, std::uint16_t protocol) {
    return {.source = "192.0.2.65",
            .destination = "192.0.2.66",
            .protocol = 47,
            .payload = gre(0x2000, protocol, 7, inner)};
}

Ipv6 from_partner6(const Bytes& inner, std::uint16_t protocol, Options options) {
    Ipv6 packet{.source = "2001:db8:66::1",
                .destination = "2001:db8:66::2",
                .next_header = 47,
                .payload = gre(0x2000, protocol, 9, inner)};
    if (options == Options::encapsulation_limit) {
        constexpr std::array<std::uint8_t, 8> limit{47, 0, 4, 1, 4, 1, 1, 0};
        packet.next_header = 60;
        packet.payload.insert(packet.payload.begin(), limit.begin(), limit.end());
    }
    return packet;
}

Rig::Rig() {
    start_eal();
    state = story();
    plumbing_ = std::make_unique<Plumbing>(*this);
    REQUIRE(plumbing_->pool != nullptr);
}

// Whatever a test did: no packet is lost and none is there twice.
Rig::~Rig() {
    for (const Ring* ring :
         {&plumbing_->lan_ring, &plumbing_->wan_ring, &plumbing_->first_class, &plumbing_->bulk})
        plumbing_->drain(*ring, [](const rte_mbuf*) {});
    CHECK(buffers_in_use() == 0);
}

void Rig::receive(PortId port, const std::vector<Bytes>& frames) {
    std::vector<rte_mbuf*> mbufs;
    for (const Bytes& bytes : frames)
        mbufs.push_back(plumbing_->buffer(bytes));
    plumbing_->pipeline.work(state, now, port, mbufs);
}

void Rig::receive_in_full(PortId port, const std::vector<Bytes>& frames) {
    std::vector<rte_mbuf*> mbufs;
    for (const Bytes& bytes : frames)
        mbufs.push_back(plumbing_->buffer(bytes));
    plumbing_->pipeline.work_in_full(state, now, port, mbufs);
}

void Rig::inject(Origin twin, const Bytes& bytes) {
    rte_mbuf* const mbuf = plumbing_->buffer(bytes);
    set_origin(mbuf, twin);
    plumbing_->pipeline.inject(state, now, std::array{mbuf});
}

std::vector<Bytes> Rig::sent(PortId port) {
    std::vector<Bytes> frames;
    plumbing_->drain(port == lan ? plumbing_->lan_ring : plumbing_->wan_ring,
                     [&](const rte_mbuf* mbuf) { frames.push_back(bytes_of(mbuf)); });
    return frames;
}

std::vector<Punted> Rig::first_class_punts() {
    return plumbing_->punted(plumbing_->first_class);
}

std::vector<Punted> Rig::bulk_punts() {
    return plumbing_->punted(plumbing_->bulk);
}

std::uint64_t Rig::drops(Drop reason) const {
    return counters.drops[static_cast<std::size_t>(reason)].get();
}

std::uint64_t Rig::drops() const {
    std::uint64_t sum = 0;
    for (const Count& count : counters.drops)
        sum += count.get();
    return sum;
}

std::uint64_t Rig::punts(Punt reason) const {
    return counters.punts[static_cast<std::size_t>(reason)].get();
}

unsigned Rig::buffers_in_use() const {
    return rte_mempool_in_use_count(plumbing_->pool.get());
}

}  // namespace detour::node::test
