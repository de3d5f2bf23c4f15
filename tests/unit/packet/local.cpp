// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/local.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using test::Ipv4;
using test::Ipv6;

namespace {

Bytes ports(std::uint16_t source, std::uint16_t destination) {
    Bytes bytes;
    detour::ByteWriter out(bytes);
    out.u16(source);
    out.u16(destination);
    out.u32(0);
    return bytes;
}

}  // namespace

TEST_CASE("BGP, BFD and neighbour discovery are control traffic, and nothing else is") {
    struct Row {
        const char* what;
        Bytes packet;
        bool expected;
    };
    const Row rows[] = {
        {"BGP to us", Ipv4{.protocol = 6, .payload = ports(40000, 179)}.bytes(), true},
        {"BGP from the peer we called", Ipv4{.protocol = 6, .payload = ports(179, 40000)}.bytes(),
         true},
        {"BGP over IPv6", Ipv6{.next_header = 6, .payload = ports(40000, 179)}.bytes(), true},
        {"BGP behind IPv4 options",
         Ipv4{.protocol = 6, .options = Bytes(4, 1), .payload = ports(40000, 179)}.bytes(), true},
        {"BFD single hop", Ipv4{.ttl = 255, .payload = ports(49152, 3784)}.bytes(), true},
        {"BFD single hop through a router", Ipv4{.ttl = 254, .payload = ports(49152, 3784)}.bytes(),
         false},
        {"BFD echo", Ipv4{.ttl = 255, .payload = ports(49152, 3785)}.bytes(), true},
        {"BFD echo through a router", Ipv4{.payload = ports(49152, 3785)}.bytes(), false},
        {"BFD multihop", Ipv6{.payload = ports(49152, 4784)}.bytes(), true},
        {"UDP to port 179", Ipv4{.payload = ports(40000, 179)}.bytes(), false},
        {"UDP from BFD's port", Ipv4{.payload = ports(3784, 40000)}.bytes(), false},
        {"TCP to BFD's port", Ipv4{.protocol = 6, .payload = ports(1, 3784)}.bytes(), false},
        {"SSH", Ipv4{.protocol = 6, .payload = ports(40000, 22)}.bytes(), false},
        {"ping", Ipv4{.protocol = 1, .payload = {8, 0, 0, 0}}.bytes(), false},
        {"neighbour solicitation",
         Ipv6{.next_header = 58, .hop_limit = 255, .payload = {135, 0, 0, 0}}.bytes(), true},
        {"neighbour advertisement",
         Ipv6{.next_header = 58, .hop_limit = 255, .payload = {136, 0, 0, 0}}.bytes(), true},
        {"router advertisement",
         Ipv6{.next_header = 58, .hop_limit = 255, .payload = {134, 0, 0, 0}}.bytes(), true},
        {"neighbour solicitation from afar",
         Ipv6{.next_header = 58, .hop_limit = 254, .payload = {135, 0, 0, 0}}.bytes(), false},
        {"echo request in IPv6",
         Ipv6{.next_header = 58, .hop_limit = 255, .payload = {128, 0, 0, 0}}.bytes(), false},
        {"type 138", Ipv6{.next_header = 58, .hop_limit = 255, .payload = {138}}.bytes(), false},
        {"ICMPv6 without a type", Ipv6{.next_header = 58, .hop_limit = 255, .payload = {}}.bytes(),
         false},
        {"first fragment of BGP",
         Ipv4{.fragment = 0x2000, .protocol = 6, .payload = ports(1, 179)}.bytes(), true},
        {"later fragment that looks like BGP",
         Ipv4{.fragment = 0x0001, .protocol = 6, .payload = ports(1, 179)}.bytes(), false},
        {"TCP cut off", Ipv4{.protocol = 6, .payload = {0, 179, 0}}.bytes(), false},
        {"IHL beyond the bytes", Ipv4{.ihl = 15, .protocol = 6}.bytes(), false},
        {"no byte at all", {}, false},
        {"a fragment of an IPv4 header", Bytes(19, 0x45), false},
        {"a fragment of an IPv6 header", Bytes(39, 0x60), false},
        {"neither", Bytes(60, 0x50), false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(is_control(row.packet) == row.expected);
    }
}
