// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Packets for tests, written octet by octet from the RFCs' pictures and with a checksum computed
// the plain way, so that nothing of the code under test is needed to build what it is tested with.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <random>
#include <string>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "dataplane/packet/finding.h"

namespace detour::packet {

// For doctest's messages.
std::ostream& operator<<(std::ostream& out, const Finding& finding);

namespace test {

// RFC 1071 4.1 word by word over octets in network order; the checksum as a number.
[[nodiscard]] std::uint16_t reference_checksum(std::span<const std::uint8_t> bytes);

[[nodiscard]] Bytes random_bytes(std::mt19937& random, std::size_t size);

struct Ipv4 {
    std::string source = "198.51.100.7";
    std::string destination = "203.0.113.9";
    unsigned version = 4;
    std::optional<unsigned> ihl = {};              // what it is when not given
    std::optional<unsigned> total_length = {};     // what it is when not given
    std::optional<unsigned> header_checksum = {};  // right when not given
    std::uint8_t traffic_class = 0;
    std::uint16_t identification = 0x1234;
    std::uint16_t fragment = 0;  // flags and offset
    std::uint8_t ttl = 64;
    std::uint8_t protocol = 17;
    Bytes options = {};
    Bytes payload = Bytes(8, 0xaa);
    std::size_t padding = 0;  // zeros after the packet, as Ethernet adds them

    [[nodiscard]] Bytes bytes() const;
};

struct Ipv6 {
    std::string source = "2001:db8:1::7";
    std::string destination = "2001:db8:2::9";
    unsigned version = 6;
    std::uint8_t traffic_class = 0;
    std::uint32_t flow_label = 0;
    std::optional<unsigned> payload_length = {};
    std::uint8_t next_header = 17;
    std::uint8_t hop_limit = 64;
    Bytes payload = Bytes(8, 0xaa);
    std::size_t padding = 0;

    [[nodiscard]] Bytes bytes() const;
};

}  // namespace test
}  // namespace detour::packet
