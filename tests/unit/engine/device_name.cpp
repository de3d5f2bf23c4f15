// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/port/device_name.h"

#include <doctest/doctest.h>

namespace detour::engine {
namespace {

TEST_CASE("PCI addresses are read with and without domain, in either case") {
    for (const auto& [text, name] : {std::pair{"0000:3b:00.0", "0000:3b:00.0"},
                                     {"3b:00.1", "0000:3b:00.1"},
                                     {"0001:AF:1F.7", "0001:af:1f.7"}}) {
        const auto device = DeviceName::parse(text);
        REQUIRE(device);
        CHECK(device->is_pci());
        CHECK(device->name() == name);
        CHECK(device->arguments(1500) == name);
        CHECK_FALSE(device->interface());
    }
}

TEST_CASE("virtual devices keep their arguments as they were written") {
    const auto device = DeviceName::parse("net_af_packet0,iface=eth2,qpairs=2");
    REQUIRE(device);
    CHECK(device->driver() == Driver::af_packet);
    CHECK(device->name() == "net_af_packet0");
    CHECK(device->interface() == "eth2");
    CHECK(device->argument("qpairs") == "2");
    CHECK_FALSE(device->argument("framesz"));
    CHECK(device->arguments(1500) == "net_af_packet0,iface=eth2,qpairs=2,framecnt=2048");
    CHECK(DeviceName::parse("net_af_packet0,iface=e,framecnt=64")->arguments(1500) ==
          "net_af_packet0,iface=e,framecnt=64");
}

TEST_CASE("af_packet gets ring frames for jumbo packets unless the configuration names them") {
    CHECK(DeviceName::parse("net_af_packet0,iface=e")->arguments(9000) ==
          "net_af_packet0,iface=e,framesz=16384,blocksz=16384,framecnt=512");
    CHECK(DeviceName::parse("net_af_packet0,iface=e")->arguments(1960) ==
          "net_af_packet0,iface=e,framesz=4096,blocksz=4096,framecnt=1024");
    CHECK(DeviceName::parse("net_af_packet0,iface=e,framesz=9216,blocksz=9216")->arguments(9000) ==
          "net_af_packet0,iface=e,framesz=9216,blocksz=9216");
    CHECK(DeviceName::parse("net_af_xdp0,iface=e")->arguments(9000) == "net_af_xdp0,iface=e");
}

TEST_CASE("other drivers are taken as they are") {
    const auto pcap = DeviceName::parse("net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap");
    REQUIRE(pcap);
    CHECK(pcap->driver() == Driver::pcap);
    CHECK(DeviceName::parse("net_null0")->driver() == Driver::other);
    CHECK(DeviceName::parse("net_memif0,role=server")->buffer_size(1500) == 0);
}

TEST_CASE("what is no device says what a device looks like") {
    for (const char* text : {"", "eth1", "0000:3b:00", "0000:3b:00.8", "3b:00.0.1", "zz:00.0",
                             "net_af_packet0", "net_af_packet0,iface=", "net_af_xdp0,queues=1"}) {
        CAPTURE(std::string(text));
        const auto device = DeviceName::parse(text);
        REQUIRE_FALSE(device);
        CHECK(device.error().message.find("iface=eth1") != std::string::npos);
        CHECK(device.error().code == program::ExitCode::configuration);
    }
}

}  // namespace
}  // namespace detour::engine
