// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/ipv6.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using test::Ipv6;

namespace {

Bytes cut(Bytes bytes, std::size_t size) {
    bytes.resize(size);
    return bytes;
}

}  // namespace

TEST_CASE("every rung of the IPv6 ladder has its packet") {
    struct Row {
        const char* what;
        Bytes bytes;
        Finding expected;
    };
    const Row rows[] = {
        {"a plain packet", Ipv6{}.bytes(), {}},
        {"no payload", Ipv6{.next_header = 59, .payload = {}}.bytes(), {}},
        {"padded by Ethernet", Ipv6{.payload = {}, .padding = 6}.bytes(), {}},
        {"the largest packet", Ipv6{.payload = Bytes(65535, 1)}.bytes(), {}},
        {"no byte at all", {}, Drop::truncated},
        {"39 bytes", cut(Ipv6{}.bytes(), 39), Drop::truncated},
        {"version 4 under the type of IPv6", Ipv6{.version = 4}.bytes(), Drop::bad_version},
        {"one byte missing", cut(Ipv6{}.bytes(), 47), Drop::bad_total_length},
        {"payload length one too many", Ipv6{.payload_length = 9}.bytes(), Drop::bad_total_length},
        {"source multicast", Ipv6{.source = "ff02::1"}.bytes(), Drop::martian_source},
        {"source loopback", Ipv6{.source = "::1"}.bytes(), Drop::martian_source},
        {"source mapped IPv4", Ipv6{.source = "::ffff:192.0.2.1"}.bytes(), Drop::martian_source},
        {"source unspecified", Ipv6{.source = "::"}.bytes(), Drop::martian_source},
        {"source ::2 is the routing table's", Ipv6{.source = "::2"}.bytes(), {}},
        {"source 1::1 is not loopback", Ipv6{.source = "1::1"}.bytes(), {}},
        {"destination unspecified", Ipv6{.destination = "::"}.bytes(), Drop::martian_destination},
        {"destination loopback", Ipv6{.destination = "::1"}.bytes(), Drop::martian_destination},
        {"destination mapped IPv4", Ipv6{.destination = "::ffff:192.0.2.1"}.bytes(),
         Drop::martian_destination},
        {"destination multicast", Ipv6{.destination = "ff02::1:ff00:1"}.bytes(), Punt::broadcast},
        {"duplicate address detection",
         Ipv6{.source = "::", .destination = "ff02::1:ff00:1"}.bytes(), Punt::broadcast},
        {"source link-local", Ipv6{.source = "fe80::1"}.bytes(), Punt::link_local},
        {"destination link-local", Ipv6{.destination = "febf::1"}.bytes(), Punt::link_local},
        {"fec0::/10 is not link-local", Ipv6{.source = "fec0::1"}.bytes(), {}},
        {"hop-by-hop options", Ipv6{.next_header = 0}.bytes(), Punt::ip_options},
        {"a jumbogram's zero length (RFC 2675)",
         Ipv6{.payload_length = 0, .next_header = 0}.bytes(), Punt::ip_options},
        {"destination options are not ours to read", Ipv6{.next_header = 60}.bytes(), {}},
        {"a fragment", Ipv6{.next_header = 44}.bytes(), {}},
        {"hop limit 0 may still be for us", Ipv6{.hop_limit = 0}.bytes(), {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(check_ipv6(row.bytes) == row.expected);
    }
}

TEST_CASE("what arrives with hop limit 0 or 1 is not forwarded (RFC 8200 3)") {
    for (unsigned limit = 0; limit <= 255; ++limit) {
        Bytes bytes = Ipv6{.hop_limit = static_cast<std::uint8_t>(limit)}.bytes();
        auto& header = header_at<Ipv6Header>(bytes.data());
        CHECK(may_forward(header) == (limit >= 2));
        if (limit < 2)
            continue;
        decrement_hop_limit(header);
        CHECK(header.hop_limit == limit - 1);
    }
}

TEST_CASE("accessors read what RFC 8200 draws") {
    const Bytes bytes = Ipv6{.traffic_class = 0xb9, .flow_label = 0x12345}.bytes();
    const auto& header = header_at<Ipv6Header>(bytes.data());
    CHECK(header.version() == 6);
    CHECK(header.traffic_class() == 0xb9);
    CHECK(header.version_and_flow.value() == 0x6b912345);
    CHECK(header.total_length() == 48);
}
