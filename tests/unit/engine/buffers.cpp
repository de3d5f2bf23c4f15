// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/buffers.h"

#include <doctest/doctest.h>

#include <array>

namespace detour::engine {
namespace {

DeviceName device(const char* text) {
    auto name = DeviceName::parse(text);
    REQUIRE(name);
    return *name;
}

TEST_CASE("buffers hold the largest frame of any port, and what its driver insists on") {
    const DeviceName packet = device("net_af_packet0,iface=eth1");
    const DeviceName given = device("net_af_packet0,iface=eth1,framesz=4096");
    const DeviceName pci = device("0000:3b:00.0");
    struct Case {
        BufferRequest::Port port;
        unsigned size;  // without headroom
    };
    for (const Case& one :
         {Case{{packet, 1500}, 2048}, Case{{pci, 1500}, 2048}, Case{{pci, 9000}, 9024},
          Case{{packet, 9000}, 16384}, Case{{given, 1500}, 4096}}) {
        const std::array ports{one.port};
        const auto plan = plan_buffers({.ports = ports, .worker_count = 1});
        REQUIRE(plan);
        CAPTURE(one.port.mtu);
        CHECK(plan->size == one.size + 128);
    }
}

TEST_CASE("more ports and workers need more buffers, a looped capture many") {
    const DeviceName packet = device("net_af_packet0,iface=eth1");
    const DeviceName capture = device("net_pcap0,rx_pcap=a.pcap,infinite_rx=1");
    const std::array one{BufferRequest::Port{packet, 1500}};
    const std::array two{BufferRequest::Port{packet, 1500}, BufferRequest::Port{packet, 1500}};
    const std::array looped{BufferRequest::Port{capture, 1500}};
    const auto count = [](std::span<const BufferRequest::Port> ports, std::size_t workers) {
        return plan_buffers({.ports = ports, .worker_count = workers})->count;
    };
    CHECK(count(two, 1) > count(one, 1));
    CHECK(count(one, 2) > count(one, 1));
    CHECK(count(looped, 1) > count(one, 1) + 30'000);
}

TEST_CASE("a usual box asks for little memory") {
    const DeviceName packet = device("net_af_packet0,iface=eth1");
    const std::array ports{BufferRequest::Port{packet, 1500}, BufferRequest::Port{packet, 1500},
                           BufferRequest::Port{packet, 1500}};
    const auto plan = plan_buffers({.ports = ports, .worker_count = 1});
    CHECK(plan->huge_megabytes() < 64);
    CHECK(plan->ordinary_megabytes() < 80);
    CHECK(plan->ordinary_megabytes() > plan->huge_megabytes());
}

}  // namespace
}  // namespace detour::engine
