// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/flow.h"

#include <map>

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using test::Ipv4;
using test::Ipv6;

namespace {

std::uint32_t hash(const Ipv4& packet) {
    const Bytes bytes = packet.bytes();
    return flow_hash(header_at<Ipv4Header>(bytes.data()));
}
std::uint32_t hash(const Ipv6& packet) {
    const Bytes bytes = packet.bytes();
    return flow_hash(header_at<Ipv6Header>(bytes.data()));
}

Bytes ports(unsigned source, unsigned destination) {
    Bytes bytes;
    detour::ByteWriter out(bytes);
    out.u16(static_cast<std::uint16_t>(source));
    out.u16(static_cast<std::uint16_t>(destination));
    out.u32(0);
    return bytes;
}

}  // namespace

TEST_CASE("what a flow's packets differ in does not change the hash") {
    const std::uint32_t expected = hash(Ipv4{.payload = ports(1024, 53)});
    CHECK(hash(Ipv4{.traffic_class = 3, .payload = ports(1024, 53)}) == expected);
    CHECK(hash(Ipv4{.identification = 9, .payload = ports(1024, 53)}) == expected);
    CHECK(hash(Ipv4{.ttl = 3, .payload = ports(1024, 53)}) == expected);
    Bytes longer = ports(1024, 53);
    longer.resize(900, 7);
    CHECK(hash(Ipv4{.payload = longer}) == expected);

    const std::uint32_t expected_v6 = hash(Ipv6{.payload = ports(1024, 53)});
    CHECK(hash(Ipv6{.traffic_class = 3, .hop_limit = 3, .payload = ports(1024, 53)}) ==
          expected_v6);
    CHECK(hash(Ipv6{.flow_label = 5, .payload = ports(1024, 53)}) == expected_v6);
}

TEST_CASE("addresses, protocol and ports each change the hash") {
    const std::uint32_t base = hash(Ipv4{.payload = ports(1024, 53)});
    CHECK(hash(Ipv4{.source = "198.51.100.8", .payload = ports(1024, 53)}) != base);
    CHECK(hash(Ipv4{.destination = "203.0.113.8", .payload = ports(1024, 53)}) != base);
    CHECK(hash(Ipv4{.protocol = 6, .payload = ports(1024, 53)}) != base);
    CHECK(hash(Ipv4{.payload = ports(1025, 53)}) != base);
    CHECK(hash(Ipv4{.payload = ports(1024, 54)}) != base);

    const std::uint32_t base_v6 = hash(Ipv6{.payload = ports(1024, 53)});
    CHECK(hash(Ipv6{.source = "2001:db8:1::8", .payload = ports(1024, 53)}) != base_v6);
    CHECK(hash(Ipv6{.source = "2001:db8:1:1::7", .payload = ports(1024, 53)}) != base_v6);
    CHECK(hash(Ipv6{.destination = "2001:db8:2::8", .payload = ports(1024, 53)}) != base_v6);
    CHECK(hash(Ipv6{.next_header = 6, .payload = ports(1024, 53)}) != base_v6);
    CHECK(hash(Ipv6{.payload = ports(1025, 53)}) != base_v6);
}

TEST_CASE("all fragments of a packet hash alike, first or later") {
    const std::uint32_t first = hash(Ipv4{.fragment = 0x2000, .payload = ports(1024, 53)});
    CHECK(hash(Ipv4{.fragment = 0x2010, .payload = Bytes(64, 9)}) == first);
    CHECK(hash(Ipv4{.fragment = 0x0020, .payload = Bytes(8, 3)}) == first);
    CHECK(hash(Ipv6{.next_header = 44, .payload = ports(17 << 8, 1)}) ==
          hash(Ipv6{.next_header = 44, .payload = ports(17 << 8, 80)}));
}

TEST_CASE("behind extension headers the flow label tells flows apart") {
    CHECK(hash(Ipv6{.flow_label = 1, .next_header = 44}) !=
          hash(Ipv6{.flow_label = 2, .next_header = 44}));
}

TEST_CASE("a transport header that is cut off is not read") {
    // An exact allocation, so that a sanitizer sees a read beyond it.
    CHECK(hash(Ipv4{.payload = Bytes(3, 1)}) == hash(Ipv4{.payload = {}}));
    CHECK(hash(Ipv6{.payload = Bytes(3, 1)}) == hash(Ipv6{.payload = {}}));
    CHECK(hash(Ipv4{.protocol = 1, .payload = Bytes(8, 1)}) ==
          hash(Ipv4{.protocol = 1, .payload = {}}));
}

TEST_CASE("flows of one pair of hosts spread evenly over few next hops") {
    for (const unsigned count : {2U, 3U, 8U, 16U}) {
        std::map<std::uint32_t, unsigned> buckets_v4;
        std::map<std::uint32_t, unsigned> buckets_v6;
        constexpr unsigned flows = 4096;
        for (unsigned port = 0; port < flows; ++port) {
            ++buckets_v4[hash(Ipv4{.payload = ports(1024 + port, 443)}) % count];
            ++buckets_v6[hash(Ipv6{.payload = ports(1024 + port, 443)}) % count];
        }
        for (unsigned bucket = 0; bucket < count; ++bucket) {
            const double share = 1.0 * flows / count;
            CHECK(buckets_v4[bucket] == doctest::Approx(share).epsilon(0.2));
            CHECK(buckets_v6[bucket] == doctest::Approx(share).epsilon(0.2));
        }
    }
}
