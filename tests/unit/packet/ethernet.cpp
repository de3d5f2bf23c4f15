// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/packet/ethernet.h"

#include "tests/unit/packet/builder.h"

using namespace detour::packet;
using detour::Bytes;
using detour::Family;

namespace {

constexpr MacAddress ours{0x02, 0, 0, 0, 0, 0x01};
constexpr MacAddress other{0x02, 0, 0, 0, 0, 0x02};
constexpr MacAddress broadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr MacAddress multicast{0x33, 0x33, 0xff, 0, 0, 0x01};

Bytes frame(const MacAddress& destination, std::uint16_t type, std::size_t size = 60) {
    Bytes bytes(destination.begin(), destination.end());
    bytes.insert(bytes.end(), other.begin(), other.end());
    detour::ByteWriter(bytes).u16(type);
    bytes.resize(size);
    return bytes;
}

}  // namespace

TEST_CASE("frames are told apart by destination and type") {
    struct Row {
        const char* what;
        Bytes frame;
        Finding expected;
    };
    const Row rows[] = {
        {"nothing at all", {}, Drop::truncated},
        {"13 bytes", frame(ours, 0x0800, 13), Drop::truncated},
        {"14 bytes are a frame", frame(ours, 0x0800, 14), {}},
        {"IPv4 to us", frame(ours, 0x0800), {}},
        {"IPv6 to us", frame(ours, 0x86dd), {}},
        {"IPv4 to another station", frame(other, 0x0800), Drop::not_for_us},
        {"ARP to another station", frame(other, 0x0806), Drop::not_for_us},
        {"ARP request", frame(broadcast, 0x0806), Punt::control},
        {"ARP reply", frame(ours, 0x0806), Punt::control},
        {"IPv4 broadcast", frame(broadcast, 0x0800), Punt::broadcast},
        {"IPv6 multicast", frame(multicast, 0x86dd), Punt::broadcast},
        {"LLDP", frame(multicast, 0x88cc), Punt::broadcast},
        {"VLAN to us", frame(ours, 0x8100), Drop::unknown_ethertype},
        {"802.3 length instead of a type", frame(ours, 0x0040), Drop::unknown_ethertype},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(check_frame(row.frame, ours) == row.expected);
    }
}

TEST_CASE("the next hop's header is written right before the packet, nothing else") {
    for (const Family family : detour::families) {
        const EthernetHeader header = build_ethernet_header(other, ours, Family::ipv4);
        Bytes template_bytes(16, 0xee);
        std::memcpy(template_bytes.data(), &header, sizeof header);
        Bytes buffer(40, 0x55);
        std::uint8_t* const start =
            push_ethernet(buffer.data() + 20, template_bytes.data(), family);
        CHECK(start == buffer.data() + 6);
        Bytes expected(40, 0x55);
        const Bytes written = frame(other, family == Family::ipv4 ? 0x0800 : 0x86dd, 14);
        std::copy(written.begin(), written.end(), expected.begin() + 6);
        std::copy(ours.begin(), ours.end(), expected.begin() + 12);
        CHECK(buffer == expected);
    }
}
