// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/inner_flow.h"

#include <set>

#include "dataplane/packet/ipv4.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using namespace detour::packet::test;
using detour::Bytes;
using detour::ByteWriter;

namespace {

Bytes frame(std::uint16_t type, const Bytes& packet) {
    Bytes bytes{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    ByteWriter(bytes).u16(type);
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    return bytes;
}

Bytes ports(std::uint16_t source, std::uint16_t destination) {
    Bytes bytes;
    ByteWriter(bytes).u16(source);
    ByteWriter(bytes).u16(destination);
    bytes.resize(12);
    return bytes;
}

Ipv4 flow(std::uint16_t source) {
    return {.source = "203.0.113.9",
            .destination = "198.51.100.7",
            .protocol = protocol::udp,
            .payload = ports(source, 53)};
}

// An outer packet around GRE with these flags and fields.
Bytes in_gre(std::uint16_t flags, std::initializer_list<std::uint32_t> fields, std::uint16_t type,
             const Bytes& inner) {
    Bytes gre;
    ByteWriter writer(gre);
    writer.u16(flags);
    writer.u16(type);
    for (const std::uint32_t field : fields)
        writer.u32(field);
    gre.insert(gre.end(), inner.begin(), inner.end());
    const Ipv4 outer{.source = "192.0.2.65",
                     .destination = "192.0.2.66",
                     .protocol = protocol::gre,
                     .payload = gre};
    return frame(0x0800, outer.bytes());
}

std::uint32_t hash(const Bytes& bytes) {
    const auto found = inner_flow(bytes);
    REQUIRE(found);
    return found->hash;
}

}  // namespace

TEST_CASE("flows inside one tunnel are told apart, and a flow is the same with and without GRE") {
    std::set<std::uint32_t> hashes;
    for (std::uint16_t source = 1000; source < 1064; ++source) {
        const Bytes inner = flow(source).bytes();
        const std::uint32_t plain = hash(frame(0x0800, inner));
        hashes.insert(plain);
        CHECK(hash(in_gre(0, {}, 0x0800, inner)) == plain);
        CHECK(hash(in_gre(0x2000, {7}, 0x0800, inner)) == plain);
        CHECK(hash(in_gre(0xa000, {0, 7}, 0x0800, inner)) == plain);
    }
    CHECK(hashes.size() == 64);
    CHECK(inner_flow(in_gre(0, {}, 0x0800, flow(1).bytes()))->is_tunnelled);
    CHECK_FALSE(inner_flow(frame(0x0800, flow(1).bytes()))->is_tunnelled);
}

TEST_CASE("IPv6 inside, and IPv6 in a frame") {
    const Ipv6 inner{.next_header = protocol::udp, .payload = ports(7, 9)};
    const Ipv6 other{.next_header = protocol::udp, .payload = ports(8, 9)};
    CHECK(hash(in_gre(0, {}, 0x86dd, inner.bytes())) == hash(frame(0x86dd, inner.bytes())));
    CHECK(hash(frame(0x86dd, inner.bytes())) != hash(frame(0x86dd, other.bytes())));
}

TEST_CASE("RFC 2890 2.2: packets with sequence numbers are one flow, whatever is inside") {
    CHECK(hash(in_gre(0x1000, {1}, 0x0800, flow(1).bytes())) ==
          hash(in_gre(0x1000, {2}, 0x0800, flow(2).bytes())));
}

TEST_CASE("fragments are of one flow, with ports and without") {
    Ipv4 first = flow(7);
    first.fragment = Ipv4Header::more_fragments;
    Ipv4 later = flow(999);
    later.fragment = 8;
    CHECK(hash(frame(0x0800, first.bytes())) == hash(frame(0x0800, later.bytes())));
}

TEST_CASE(
    "what cannot be read inside is spread by what is outside, and what is no packet not at all") {
    const Bytes whole = in_gre(0, {}, 0x0800, flow(1).bytes());
    const Bytes other = in_gre(0, {}, 0x0800, Bytes(4, 0xff));
    CHECK(inner_flow(other)->is_tunnelled);
    CHECK(hash(other) == hash(in_gre(0, {}, 0x6558, flow(1).bytes())));
    CHECK(hash(other) == hash(in_gre(0x0001, {}, 0x0800, flow(1).bytes())));
    CHECK_FALSE(inner_flow({}));
    CHECK_FALSE(inner_flow(frame(0x0806, Bytes(28))));
    CHECK_FALSE(inner_flow(frame(0x0800, Bytes(20))));
    // No octet behind the frame's end is read (heap, so that ASan sees it).
    for (std::size_t size = 0; size < whole.size(); ++size)
        (void)inner_flow(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
}
