// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/ipv4.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using test::Ipv4;

namespace {

Bytes cut(Bytes bytes, std::size_t size) {
    bytes.resize(size);
    return bytes;
}

}  // namespace

TEST_CASE("every rung of the IPv4 ladder has its packet") {
    struct Row {
        const char* what;
        Bytes bytes;
        Finding expected;
    };
    const Row rows[] = {
        {"a plain packet", Ipv4{}.bytes(), {}},
        {"a header and nothing else", Ipv4{.payload = {}}.bytes(), {}},
        {"padded by Ethernet", Ipv4{.padding = 18}.bytes(), {}},
        {"the largest packet", Ipv4{.payload = Bytes(65515, 1)}.bytes(), {}},
        {"no byte at all", {}, Drop::truncated},
        {"19 bytes", cut(Ipv4{}.bytes(), 19), Drop::truncated},
        {"version 6 under the type of IPv4", Ipv4{.version = 6}.bytes(), Drop::bad_version},
        {"version 0", Ipv4{.version = 0}.bytes(), Drop::bad_version},
        {"IHL 4", Ipv4{.ihl = 4}.bytes(), Drop::bad_header_length},
        {"IHL 0", Ipv4{.ihl = 0}.bytes(), Drop::bad_header_length},
        {"IHL beyond the bytes", Ipv4{.ihl = 15}.bytes(), Drop::bad_header_length},
        {"total length below the header", Ipv4{.total_length = 19}.bytes(), Drop::bad_total_length},
        {"total length 0", Ipv4{.total_length = 0}.bytes(), Drop::bad_total_length},
        {"total length below a header with options",
         Ipv4{.total_length = 20, .options = Bytes(4, 1)}.bytes(), Drop::bad_total_length},
        {"one byte missing", cut(Ipv4{}.bytes(), 27), Drop::bad_total_length},
        {"total length one too many", Ipv4{.total_length = 29}.bytes(), Drop::bad_total_length},
        {"wrong checksum", Ipv4{.header_checksum = 0xbeef}.bytes(), Drop::bad_header_checksum},
        {"checksum not computed", Ipv4{.header_checksum = 0}.bytes(), Drop::bad_header_checksum},
        {"wrong checksum with options",
         Ipv4{.header_checksum = 0xbeef, .options = Bytes(4, 1)}.bytes(),
         Drop::bad_header_checksum},
        {"source 0.0.0.0", Ipv4{.source = "0.0.0.0"}.bytes(), Drop::martian_source},
        {"source 0.1.2.3", Ipv4{.source = "0.1.2.3"}.bytes(), Drop::martian_source},
        {"source loopback", Ipv4{.source = "127.0.0.1"}.bytes(), Drop::martian_source},
        {"source multicast", Ipv4{.source = "224.0.0.5"}.bytes(), Drop::martian_source},
        {"source last multicast", Ipv4{.source = "239.255.255.255"}.bytes(), Drop::martian_source},
        {"source broadcast", Ipv4{.source = "255.255.255.255"}.bytes(), Drop::martian_source},
        {"source 240/4 is the routing table's", Ipv4{.source = "240.0.0.1"}.bytes(), {}},
        {"source 223.255.255.255", Ipv4{.source = "223.255.255.255"}.bytes(), {}},
        {"source 126.0.0.1", Ipv4{.source = "126.0.0.1"}.bytes(), {}},
        {"destination 0.0.0.0", Ipv4{.destination = "0.0.0.0"}.bytes(), Drop::martian_destination},
        {"destination loopback", Ipv4{.destination = "127.1.2.3"}.bytes(),
         Drop::martian_destination},
        {"destination multicast", Ipv4{.destination = "224.0.0.5"}.bytes(), Punt::broadcast},
        {"destination broadcast", Ipv4{.destination = "255.255.255.255"}.bytes(), Punt::broadcast},
        {"router alert option", Ipv4{.options = {0x94, 4, 0, 0}}.bytes(), Punt::ip_options},
        {"40 bytes of options", Ipv4{.options = Bytes(40, 1)}.bytes(), Punt::ip_options},
        {"TTL 0 may still be for us", Ipv4{.ttl = 0}.bytes(), {}},
        {"a fragment", Ipv4{.fragment = 0x2000}.bytes(), {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(check_ipv4(row.bytes) == row.expected);
    }
}

TEST_CASE("accessors read what RFC 791 draws") {
    const Bytes bytes = Ipv4{.fragment = 0x4000, .ttl = 9, .options = Bytes(8, 1)}.bytes();
    const auto& header = header_at<Ipv4Header>(bytes.data());
    CHECK(header.version() == 4);
    CHECK(header.header_size() == 28);
    CHECK(header.total_length.value() == 36);
    CHECK(header.source.value() == 0xc6336407);
    CHECK_FALSE(header.may_fragment());
    CHECK_FALSE(header.is_fragment());
    const Bytes first = Ipv4{.fragment = 0x2000}.bytes();
    CHECK(header_at<Ipv4Header>(first.data()).is_fragment());
    CHECK(header_at<Ipv4Header>(first.data()).may_fragment());
    const Bytes later = Ipv4{.fragment = 0x0001}.bytes();
    CHECK(header_at<Ipv4Header>(later.data()).is_fragment());
}

TEST_CASE("RFC 1812 5.3.1: what arrives with TTL 0 or 1 is not forwarded") {
    for (unsigned ttl = 0; ttl <= 255; ++ttl) {
        const Bytes bytes = Ipv4{.ttl = static_cast<std::uint8_t>(ttl)}.bytes();
        CHECK(may_forward(header_at<Ipv4Header>(bytes.data())) == (ttl >= 2));
    }
}

TEST_CASE("one TTL less leaves the checksum that computing anew gives, for every checksum") {
    // The identification runs through all values, and with it the checksum.
    for (unsigned id = 0; id <= 0xffff; ++id) {
        Bytes bytes = Ipv4{
            .identification = static_cast<std::uint16_t>(id),
            .ttl = static_cast<std::uint8_t>(2 + id % 254),
            .payload = {}}.bytes();
        auto& header = header_at<Ipv4Header>(bytes.data());
        const unsigned before = header.ttl;
        decrement_ttl(header);
        REQUIRE(header.ttl == before - 1);
        const std::uint16_t stored = header.checksum.value();
        bytes[10] = bytes[11] = 0;
        REQUIRE(stored == test::reference_checksum(bytes));
    }
}
