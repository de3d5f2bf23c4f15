// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What detour capture makes of packets: filters, lines, files. tests/netns/instruments.py reads the
// files with tshark.
#include <doctest/doctest.h>

#include <cstring>

#include "tests/unit/hex.h"
#include "tools/detour/capture_stream.h"
#include "tools/detour/packet_line.h"
#include "tools/detour/pcapng.h"

using namespace detour::command;
using detour::program::capture::Direction;
using detour::program::capture::LinkType;
using detour::test::bytes_of;

namespace {

std::string line_of(std::string_view hex, LinkType type = LinkType::ip) {
    return packet_line(bytes_of(hex), type);
}

const std::string ethernet = "02005e005301 02005e005302 ";
const std::string udp =
    "4500 0024 0000 4000 4011 0000 c633640a cb007109 0fa0 0035 0010 0000 00000000 00000000";

}  // namespace

TEST_CASE("packets are told in a line") {
    CHECK(line_of(udp) == "198.51.100.10.4000 > 203.0.113.9.53 UDP 36");
    CHECK(line_of(ethernet + "0800 " + udp, LinkType::ethernet) ==
          "198.51.100.10.4000 > 203.0.113.9.53 UDP 36");
    CHECK(line_of(ethernet + "8100 0064 0800 " + udp, LinkType::ethernet) ==
          "VLAN 100 198.51.100.10.4000 > 203.0.113.9.53 UDP 36");
    CHECK(
        line_of("4500 0028 0000 4000 4006 0000 c633640a cb007109 01bb 0035 00000000 00000000 5012 "
                "0000 0000 0000") == "198.51.100.10.443 > 203.0.113.9.53 TCP [S.] 40");
    CHECK(line_of("4500 003c 0000 4000 402f 0000 c0000242 c0000241 2000 0800 00000007 " + udp) ==
          "192.0.2.66 > 192.0.2.65 GRE key 7: 198.51.100.10.4000 > 203.0.113.9.53 UDP 36");
    CHECK(line_of("4500 0040 0000 4000 402f 0000 c0000242 c0000241 b000 0000 00000000 00000007 "
                  "00000003") == "192.0.2.66 > 192.0.2.65 GRE key 7 seq 3 keepalive");
    CHECK(line_of("4500 05dc 0000 00b9 4011 0000 c633640a cb007109") ==
          "198.51.100.10 > 203.0.113.9 fragment at 1480 1500");
    CHECK(line_of("60000000 0008 3a 40 20010db8000000000000000000000001 "
                  "20010db8000000000000000000000002 8000 0000 0000 0000") ==
          "2001:db8::1 > 2001:db8::2 ICMPv6 echo request 48");
    CHECK(
        line_of(ethernet + "0806 0001 0800 06 04 0001 02005e005302 c0000202 000000000000 c0000201",
                LinkType::ethernet) == "ARP who-has 192.0.2.1 tell 192.0.2.2");
    CHECK(
        line_of(ethernet + "0806 0001 0800 06 04 0002 02005e005302 c0000202 02005e005301 c0000201",
                LinkType::ethernet) == "ARP 192.0.2.2 is-at 02:00:5e:00:53:02");
    CHECK(line_of(ethernet + "88cc 0000", LinkType::ethernet) == "Ethernet type 0x88cc, 16 bytes");
}

TEST_CASE("a packet that is cut anywhere is told without reading beyond it") {
    const auto whole =
        bytes_of("4500 003c 0000 4000 402f 0000 c0000242 c0000241 2000 0800 00000007 " + udp);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        // Its own allocation, so that a sanitizer sees a read beyond.
        const std::vector<std::uint8_t> cut(whole.begin(),
                                            whole.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE(packet_line(cut, LinkType::ip).empty());
        CHECK_FALSE(packet_line(cut, LinkType::ethernet).empty());
    }
}

TEST_CASE("filters are libpcap's, and what it cannot read is said in its words") {
    const auto empty = compile_filter("", LinkType::ethernet);
    REQUIRE(empty);
    CHECK(empty->empty());
    for (const char* filter : {"host 198.51.100.7 and udp port 53", "net 203.0.113.0/24",
                               "not (tcp or icmp6)", "proto gre", "ip6 net 2001:db8::/32"}) {
        CAPTURE(filter);
        for (const LinkType type : {LinkType::ethernet, LinkType::ip}) {
            const auto program = compile_filter(filter, type);
            REQUIRE(program);
            CHECK(program->size() > 2);
        }
    }
    const auto wrong = compile_filter("hosst 192.0.2.1", LinkType::ip);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().find("syntax error") != std::string::npos);
    // A tunnel's packets have no MAC addresses.
    CHECK_FALSE(compile_filter("ether host 02:00:5e:00:53:01", LinkType::ip));
}

TEST_CASE("each block of a pcapng file has its length at both ends and is a multiple of four") {
    std::string file;
    pcapng::append_section(file, "detour 0");
    pcapng::append_interface(file, {"lan0", LinkType::ethernet, 65535, "udp"});
    const auto bytes = bytes_of("0102030405");
    pcapng::append_packet(file, {0, 1'700'000'000'123'456'789, Direction::out, 99, bytes});
    pcapng::append_counts(file, 0, 1'700'000'000'123'456'789, {.seen = 5, .matched = 3, .lost = 1});
    CHECK(file.starts_with(pcapng::magic));
    std::vector<std::uint32_t> types;
    for (std::size_t at = 0; at < file.size();) {
        std::uint32_t type = 0;
        std::uint32_t size = 0;
        std::uint32_t again = 0;
        std::memcpy(&type, file.data() + at, 4);
        std::memcpy(&size, file.data() + at + 4, 4);
        REQUIRE(size % 4 == 0);
        REQUIRE(size >= 12);
        REQUIRE(at + size <= file.size());
        std::memcpy(&again, file.data() + at + size - 4, 4);
        CHECK(again == size);
        types.push_back(type);
        at += size;
    }
    CHECK(types == std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 5});
}
